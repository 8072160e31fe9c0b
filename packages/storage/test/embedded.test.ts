import { readFile, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { createLog, processRecord, systemClock } from "@kyanite/runtime";
import { describe, expect, test } from "vitest";
import { withAccountInHost } from "../src/account.ts";
import { createContainer, deleteContainer, signUrl } from "../src/containers.ts";
import { type EmbeddedStorage, startEmbeddedStorage } from "../src/embedded.ts";
import { clean, temporaryDirectory } from "./temporary.ts";

async function start(directory: string, accountName?: string): Promise<EmbeddedStorage> {
  const options = { directory, accountName, environment: {}, clock: systemClock, log: createLog("silent") };
  const storage = await startEmbeddedStorage(options);
  clean.push(() => storage.stop());
  return storage;
}

const put = (url: string, body: string) =>
  fetch(url, { method: "PUT", body, headers: { "x-ms-blob-type": "BlockBlob", "x-ms-version": "2030-01-01" } });
const inAnHour = () => new Date(systemClock.now().getTime() + 3_600_000);

describe("the embedded storage account", () => {
  test("has the name that it was given at its first start, and no other afterwards", async () => {
    const directory = await temporaryDirectory();
    const first = await start(directory, "mystore");
    expect(first.account.blobEndpoint).toMatch(/\/mystore$/);
    expect(await createContainer(first.account, "files")).toBe(true);
    await first.stop();
    await expect(start(directory, "other")).rejects.toThrow("is called mystore: leave --storage-account out");
    const again = await start(directory);
    expect(again.account.accountName).toBe("mystore");
    expect(await createContainer(again.account, "files")).toBe(false);
    const unnamed = await start(await temporaryDirectory());
    expect(unnamed.account.accountName).toBe("kyanite");
  });

  test("keeps blobs, key and port over a stop, and honours what a signed URL allows", async () => {
    const directory = await temporaryDirectory();
    const first = await start(directory);
    expect(await createContainer(first.account, "files")).toBe(true);
    expect(await createContainer(first.account, "files")).toBe(false);
    const options = { container: "files", blob: "a b/ü.txt", expiresOn: inAnHour() };
    const writeUrl = await signUrl(first.account, { ...options, permissions: "cw" });
    const readUrl = await signUrl(first.account, { ...options, permissions: "r" });
    expect((await put(writeUrl, "hello")).status).toBe(201);
    expect((await put(readUrl, "no")).status).toBe(403);
    await first.stop();
    expect(processRecord(first.process.pid)).toBeUndefined();

    const second = await start(directory);
    expect(second).toMatchObject({ account: first.account, isAdopted: false });
    expect(await (await fetch(readUrl)).text()).toBe("hello");
    const listUrl = await signUrl(second.account, { container: "files", permissions: "rl", expiresOn: inAnHour() });
    expect(await (await fetch(`${listUrl}&restype=container&comp=list`)).text()).toContain("a b/ü.txt");
    expect(await deleteContainer(second.account, "files")).toBe(true);
    expect(await deleteContainer(second.account, "files")).toBe(false);
  });

  test("is adopted when it outlived the server that started it", async () => {
    const directory = await temporaryDirectory();
    const first = await start(directory);
    const second = await start(directory);
    expect(second).toMatchObject({ process: first.process, account: first.account, isAdopted: true });
  });

  test("takes another port when a stranger has the one it had", async () => {
    const directory = await temporaryDirectory();
    const first = await start(directory);
    await first.stop();
    const { port } = new URL(first.account.blobEndpoint);
    const stranger = createServer();
    await new Promise<void>((resolve) => stranger.listen(Number(port), "127.0.0.1", resolve));
    clean.push(async () => stranger.close());
    const second = await start(directory);
    expect(new URL(second.account.blobEndpoint).port).not.toBe(port);
    expect(await createContainer(second.account, "files")).toBe(true);
  });

  test("answers under a host name that holds the account, with the same key", async () => {
    const { account } = await start(await temporaryDirectory());
    await createContainer(account, "files");
    const moved = withAccountInHost(account);
    const url = new URL(await signUrl(moved, { container: "files", permissions: "l", expiresOn: inAnHour() }));
    // Not every machine resolves names below localhost, so the name goes into the header alone.
    const { request } = await import("node:http");
    const status = await new Promise((resolve, reject) => {
      const path = `${url.pathname}${url.search}&restype=container&comp=list`;
      request({ host: "127.0.0.1", port: url.port, path, headers: { host: url.host } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end();
    });
    expect(status).toBe(200);
  });

  test("shows its key to nobody else", async () => {
    const directory = await temporaryDirectory();
    const storage = await start(directory);
    expect((await stat(join(directory, "account-key"))).mode & 0o777).toBe(0o600);
    if (process.platform !== "linux") return;
    const commandLine = await readFile(`/proc/${storage.process.pid}/cmdline`, "utf8");
    expect(commandLine).not.toContain(storage.account.accountKey);
  });
});
