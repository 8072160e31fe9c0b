import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { createLog, systemClock } from "@kyanite/runtime";
import { managementClient, movableClock, runningService, until } from "@kyanite/testkit";
import { expect, test } from "vitest";
import { reachOf } from "../../src/host/reach.ts";
import { keepServerCertificate } from "../../src/host/server-certificate.ts";

const reach = () => reachOf({ host: "127.0.0.1", publicUrl: undefined });

/** Whether a client that trusts `ca` accepts who answers at the port as the host of this name. */
function accepts(port: number, servername: string, ca: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, servername, ca }, () => {
      resolve(true);
      socket.destroy();
    }).on("error", () => resolve(false));
  });
}

test("an account that is added is reached by its host names, with no restart", async () => {
  await using service = await runningService({ https: true });
  const directory = join(service.nodesDirectory, "..");
  const account = { name: service.account.name, location: "local" };
  const log = createLog("silent");
  const certificate = await keepServerCertificate({ directory, reach, account, clock: systemClock, log });
  try {
    certificate.onRenewal(service.service.useCertificate);
    await service.service.followAccounts(certificate.coverAccounts);
    const port = Number(new URL(service.https.url).port);
    const ca = await readFile(certificate.current.authorityFile, "utf8");
    expect(await accepts(port, "added.localhost", ca)).toBe(false);
    const management = await managementClient(service);
    await management.batchAccountOperations.beginCreateAndWait("kyanite", "added", { location: "East Mars" });
    for (const name of ["added.localhost", "added.eastmars.localhost", "added.westeurope.localhost"])
      expect(
        await until(
          () => accepts(port, name, ca),
          (isAccepted) => isAccepted,
        ),
      ).toBe(true);
  } finally {
    await certificate.stop();
  }
});

test("a certificate that cannot be made now is made later, and the former one stays", async () => {
  const directory = await mkdtemp(join(tmpdir(), "kyanite-test-"));
  const clock = { ...systemClock, sleep: (_: number, signal?: AbortSignal) => systemClock.sleep(10, signal) };
  const account = { name: "local", location: "local" };
  const certificate = await keepServerCertificate({ directory, reach, account, clock, log: createLog("silent") });
  try {
    const { current } = certificate;
    const key = join(directory, "ca.key");
    const text = await readFile(key, "utf8");
    await writeFile(key, "damaged");
    await certificate.coverAccounts([account, { name: "added", location: "local" }]);
    expect(certificate.current).toBe(current);
    await writeFile(key, text);
    await until(
      async () => new X509Certificate(certificate.current.certificate).checkHost("added.localhost"),
      (host) => host !== undefined,
    );
  } finally {
    await certificate.stop();
    await rm(directory, { recursive: true });
  }
});

test("a certificate that is about to expire is renewed while the server runs", async () => {
  await using service = await runningService();
  const ahead = movableClock();
  const clock = { ...ahead, sleep: (_: number, signal?: AbortSignal) => systemClock.sleep(10, signal) };
  const account = { name: "local", location: "local" };
  const directory = join(service.nodesDirectory, "..");
  const certificate = await keepServerCertificate({ directory, reach, account, clock, log: createLog("silent") });
  try {
    const first = certificate.current;
    ahead.advance(350 * 86_400);
    await until(
      async () => certificate.current.certificate,
      (found) => found !== first.certificate,
    );
    expect(await readFile(certificate.current.certificateFile, "utf8")).toBe(certificate.current.certificate);
  } finally {
    await certificate.stop();
  }
});
