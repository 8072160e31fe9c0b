import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog, systemClock } from "@kyanite/runtime";
import { startEmbeddedPostgres } from "@kyanite/service";
import { rawClient, runningService, until } from "@kyanite/testkit";
import { expect, test } from "vitest";

test("while the database is away the API answers 503 with Retry-After, and works again when it is back", async () => {
  const dataDirectory = await mkdtemp(join(tmpdir(), "kyanite-away-"));
  await chmod(dataDirectory, 0o711);
  const means = { dataDirectory, clock: systemClock, log: createLog("silent") };
  try {
    const postgres = await startEmbeddedPostgres(means);
    await using service = await runningService({ address: postgres.connection });
    const call = rawClient(service);
    const health = { authorization: null, version: null };
    expect((await call("GET", "/pools")).status).toBe(200);
    await postgres.stop();
    const away = await until(
      () => call("GET", "/pools"),
      ({ status }) => status === 503,
    );
    expect(away.headers["retry-after"]).toMatch(/^[1-9]\d*$/);
    expect(away.json).toMatchObject({ code: "ServerBusy" });
    expect((await call("GET", "/readyz", health)).status).toBe(503);
    expect((await call("GET", "/livez", health)).status).toBe(200);
    expect((await call("GET", "/metrics", health)).text).toContain("kyanite_request_seconds");
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
