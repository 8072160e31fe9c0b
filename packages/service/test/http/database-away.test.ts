import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog, systemClock } from "@kyanite/runtime";
import { startEmbeddedPostgres } from "@kyanite/service";
import { metricsToken, rawClient, runningService, until } from "@kyanite/testkit";
import { expect, test } from "vitest";

/** Stops a process, which no longer runs when this is over. */
async function halt(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  await until(
    () => readFile(`/proc/${pid}/status`, "utf8"),
    (status) => status.includes("State:\tT"),
  );
}

/** Stops a process and its children; the process first, so that no child comes while they are stopped. */
async function haltAll(pid: number): Promise<readonly number[]> {
  await halt(pid);
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  const halted = [pid, ...children.split(" ").filter(Boolean).map(Number)];
  await Promise.all(halted.map(halt));
  return halted;
}

test("while the database hangs or is away /readyz says so, the API answers 503 with Retry-After, and works again when it is back", async () => {
  const dataDirectory = await mkdtemp(join(tmpdir(), "kyanite-away-"));
  await chmod(dataDirectory, 0o711);
  const means = { dataDirectory, clock: systemClock, log: createLog("silent") };
  try {
    const postgres = await startEmbeddedPostgres(means);
    await using service = await runningService({ address: postgres.connection });
    const call = rawClient(service);
    const health = { authorization: null, version: null };
    expect((await call("GET", "/pools")).status).toBe(200);
    const halted = await haltAll(postgres.process.pid);
    const asked = await Promise.all(Array.from({ length: 20 }, () => call("GET", "/readyz", health)));
    for (const pid of halted) process.kill(pid, "SIGCONT");
    for (const answer of asked) expect(answer).toMatchObject({ status: 503, text: "the database does not answer\n" });
    expect((await call("GET", "/readyz", health)).status).toBe(200);
    await postgres.stop();
    const away = await until(
      () => call("GET", "/pools"),
      ({ status }) => status === 503,
    );
    expect(away.headers["retry-after"]).toMatch(/^[1-9]\d*$/);
    expect(away.json).toMatchObject({ code: "ServerBusy" });
    expect((await call("GET", "/readyz", health)).status).toBe(503);
    expect((await call("GET", "/livez", health)).status).toBe(200);
    const watcher = { ...health, authorization: `Bearer ${metricsToken}` };
    expect((await call("GET", "/metrics", watcher)).text).toContain("kyanite_request_seconds");
    const again = await startEmbeddedPostgres(means);
    try {
      const back = await until(
        () => call("GET", "/pools"),
        ({ status }) => status === 200,
      );
      expect(back.json).toMatchObject({ value: [] });
    } finally {
      await again.stop();
    }
  } finally {
    await rm(dataDirectory, { recursive: true, force: true });
  }
}, 120_000);
