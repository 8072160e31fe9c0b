import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processRecord } from "@kyanite/runtime";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  DataDirectoryInUse,
  keepAccountKey,
  openDataDirectory,
  readDataDirectoryOwner,
} from "../../src/host/data-directory.ts";
import {
  type Endpoints,
  readRunningEndpoints,
  removeEndpoints,
  requireRunningEndpoints,
  writeEndpoints,
} from "../../src/host/endpoints.ts";

let parent: string;
let path: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "kyanite-test-"));
  path = join(parent, "deep/data");
});
afterEach(() => rm(parent, { recursive: true, force: true }));

const modeOf = async (file: string) => (await stat(file)).mode & 0o777;

/** Leaves the lock of another server. */
async function writeLock(record: string): Promise<void> {
  await mkdir(join(path, "lock"), { recursive: true });
  await writeFile(join(path, "lock/7"), record);
}

/** Starts a process that does nothing, and gives its record. */
function startStranger() {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  const record = processRecord(child.pid ?? 0);
  const kill = () => new Promise((resolve) => child.once("exit", resolve).kill("SIGKILL"));
  return { record, kill };
}

describe("the data directory", () => {
  test("is made for us alone, or to be passed through", async () => {
    const first = await openDataDirectory(path, { traversable: false });
    expect(await modeOf(path)).toBe(0o700);
    await first.release();
    const second = await openDataDirectory(path, { traversable: true });
    expect(await modeOf(path)).toBe(0o711);
    await second.release();
  });

  test("keeps the rights it was given", async () => {
    await mkdir(path, { recursive: true });
    await chmod(path, 0o755);
    await openDataDirectory(path, { traversable: false });
    expect(await modeOf(path)).toBe(0o755);
  });

  test("belongs to one live server at a time", async () => {
    const stranger = startStranger();
    await writeLock(JSON.stringify(stranger.record));
    const refused = openDataDirectory(path, { traversable: false });
    await expect(refused).rejects.toThrow(DataDirectoryInUse);
    await expect(refused).rejects.toThrow(`process ${stranger.record?.pid}`);
    await stranger.kill();
    const directory = await openDataDirectory(path, { traversable: false });
    await directory.release();
    await openDataDirectory(path, { traversable: false });
  });

  test("is taken over when another process has the dead server's pid", async () => {
    await writeLock(JSON.stringify({ pid: process.pid, startedAt: "long ago" }));
    expect(await readDataDirectoryOwner(path)).toBeUndefined();
    await openDataDirectory(path, { traversable: false });
    expect(await readDataDirectoryOwner(path)).toEqual(processRecord(process.pid));
  });

  test("is given to exactly one of many that want it after a crash", async () => {
    await writeLock(JSON.stringify({ pid: process.pid, startedAt: "long ago" }));
    const attempts = Array.from({ length: 10 }, () => openDataDirectory(path, { traversable: false }));
    const outcomes = await Promise.allSettled(attempts);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === "rejected") expect(outcome.reason).toBeInstanceOf(DataDirectoryInUse);
  });

  test("keeps one account key, readable by us alone", async () => {
    const directory = await openDataDirectory(path, { traversable: false });
    const key = await keepAccountKey(directory);
    expect(Buffer.from(key, "base64")).toHaveLength(64);
    expect(await keepAccountKey(directory)).toBe(key);
    expect(await modeOf(join(path, "account-key"))).toBe(0o600);
  });
});

describe("endpoints", () => {
  const url = "http://127.0.0.1:1";
  const endpoints: Endpoints = {
    account: "local",
    accountKey: "a2V5",
    batchUrl: url,
    batchHttpsUrl: "https://localhost:2",
    armUrl: url,
    caCertificate: "/ca.pem",
    storageAccount: "kyanite",
    storageConnectionString: "AccountName=kyanite",
    blobEndpoint: url,
    blobHttpsEndpoint: "https://localhost:3/kyanite",
    explorerUrl: url,
    pid: process.pid,
    version: "1",
  };

  test("are there for others as long as the server runs, and private", async () => {
    const directory = await openDataDirectory(path, { traversable: false });
    expect(await readRunningEndpoints(path)).toBeUndefined();
    await writeEndpoints(path, endpoints);
    expect(await readRunningEndpoints(path)).toEqual(endpoints);
    expect(await modeOf(join(path, "endpoints.json"))).toBe(0o600);
    await directory.release();
    expect(await readRunningEndpoints(path)).toBeUndefined();
    await removeEndpoints(path);
    await removeEndpoints(path);
    await expect(stat(join(path, "endpoints.json"))).rejects.toThrow("ENOENT");
  });

  test("of a server that is starting are not there yet, and who needs them hears what to wait for", async () => {
    await expect(requireRunningEndpoints(path)).rejects.toThrow(`no server is running in ${path}: start one`);
    const directory = await openDataDirectory(path, { traversable: false });
    const starting = `the server in ${path} (process ${process.pid}) does not answer yet, or is stopping: try again`;
    await expect(requireRunningEndpoints(path)).rejects.toThrow(starting);
    await writeEndpoints(path, endpoints);
    expect(await requireRunningEndpoints(path)).toEqual(endpoints);
    await directory.release();
    await expect(requireRunningEndpoints(path)).rejects.toThrow("no server is running");
  });

  test("that are damaged are named, and what to do", async () => {
    await openDataDirectory(path, { traversable: false });
    for (const text of ["", '{"account": "lo', "[]", '{"account": "local"}']) {
      await writeFile(join(path, "endpoints.json"), text);
      await expect(readRunningEndpoints(path)).rejects.toThrow(`${join(path, "endpoints.json")} is damaged: restart`);
    }
  });

  test("of a killed server do not count for the one that is starting", async () => {
    await openDataDirectory(path, { traversable: false });
    await writeEndpoints(path, { ...endpoints, pid: 1 });
    expect(await readRunningEndpoints(path)).toBeUndefined();
  });
});
