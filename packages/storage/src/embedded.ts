import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import {
  type Clock,
  isRunning,
  type Log,
  type ProcessRecord,
  readRunningProcess,
  readTextIfExists,
  startBackgroundProcess,
  stopProcessGroup,
  waitUntil,
  writeFileAtomically,
} from "@kyanite/runtime";
import { formatConnectionString, parseConnectionString, type StorageAccount } from "./account.ts";

const defaultAccountName = "kyanite";
const host = "127.0.0.1";
const startMilliseconds = 60_000;
const stopMilliseconds = 30_000;

/** The storage account that Azurite serves for a Kyanite server. */
export interface EmbeddedStorage {
  readonly pid: number;
  readonly account: StorageAccount;
  /** Whether an earlier server of ours had left it running. */
  readonly isAdopted: boolean;
  /** Waits until all is on disk. */
  stop(): Promise<void>;
}

export interface EmbeddedStorageOptions {
  /** `kyanite` unless given. */
  readonly accountName?: string;
  /** Everything of Azurite goes here; nobody else may use it at the same time. */
  readonly directory: string;
  /** Inherited by Azurite; must hold no secret of ours. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
}

interface Places {
  readonly accountName: string;
  readonly data: string;
  readonly logFile: string;
  readonly recordFile: string;
  readonly keyFile: string;
}

/**
 * Starts Azurite's blob service, or adopts one that outlived an earlier server of ours. It gets the port it had
 * before, when that is free, so that signed URLs stay good over a restart.
 *
 * Azurite writes its index every few seconds and when it is stopped: never kill it.
 */
export async function startEmbeddedStorage(options: EmbeddedStorageOptions): Promise<EmbeddedStorage> {
  const places = placesIn(options.directory, options.accountName ?? defaultAccountName);
  const { accountName } = places;
  await mkdir(places.data, { recursive: true, mode: 0o700 });
  const key = await keepKey(places.keyFile);
  const adopted = await adopt(places, options);
  const { record, port } = adopted ?? (await start(places, key, options));
  const blobEndpoint = `http://${host}:${port}/${accountName}`;
  const isAdopted = adopted !== undefined;
  options.log.info("storage ready", { pid: record.pid, port, isAdopted });
  return {
    pid: record.pid,
    account: parseConnectionString(formatConnectionString(accountName, key, blobEndpoint)),
    isAdopted,
    stop: () => stop(record, options),
  };
}

function placesIn(directory: string, accountName: string): Places {
  return {
    accountName,
    data: join(directory, "data"),
    logFile: join(directory, "azurite.log"),
    recordFile: join(directory, "process.json"),
    keyFile: join(directory, "account-key"),
  };
}

async function keepKey(file: string): Promise<string> {
  const kept = (await readTextIfExists(file))?.trim();
  if (kept) return kept;
  const key = randomBytes(64).toString("base64");
  await writeFileAtomically(file, `${key}\n`);
  return key;
}

interface Running {
  readonly record: ProcessRecord;
  readonly port: number;
}

/** The one that runs already; undefined when there is none, or when it was ending. */
async function adopt(places: Places, { clock }: EmbeddedStorageOptions): Promise<Running | undefined> {
  const record = await readRunningProcess(places.recordFile);
  if (record === undefined) return undefined;
  const running = await becomeReady(places, record, clock);
  if (running !== undefined && (await answers(running.port, places.accountName))) return running;
  if (await waitUntil(() => !isRunning(record), { clock, timeoutMilliseconds: stopMilliseconds })) return undefined;
  throw new Error(`Azurite (process ${record.pid}) neither answers nor ends; its log is ${places.logFile}`);
}

async function answers(port: number, accountName: string): Promise<boolean> {
  try {
    await fetch(`http://${host}:${port}/${accountName}?comp=list`, { signal: AbortSignal.timeout(5_000) });
    return true;
  } catch {
    return false;
  }
}

async function start(places: Places, key: string, options: EmbeddedStorageOptions): Promise<Running> {
  const earlierPort = readPort(await readTextIfExists(places.logFile));
  const ports = earlierPort === undefined ? [0] : [earlierPort, 0];
  for (const port of ports) {
    // The log begins anew, since it is what tells us when and where Azurite listens.
    await rm(places.logFile, { force: true });
    const record = await startBackgroundProcess({
      command: process.execPath,
      args: [findAzurite(), ...azuriteFlags, "--blobPort", String(port), "--location", places.data],
      env: { ...options.environment, AZURITE_ACCOUNTS: `${places.accountName}:${key}` },
      directory: places.data,
      logFile: places.logFile,
      recordFile: places.recordFile,
    });
    const running = await becomeReady(places, record, options.clock);
    if (running !== undefined) return running;
    await stopProcessGroup(record, { clock: options.clock, graceMilliseconds: stopMilliseconds });
  }
  throw new Error(`Azurite does not start. Its log is ${places.logFile}:\n${await readTextIfExists(places.logFile)}`);
}

// Any version of the protocol is let through: clients are often newer than Azurite.
const azuriteFlags = ["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--blobHost", host] as const;

function findAzurite(): string {
  const manifest = createRequire(import.meta.url).resolve("azurite/package.json");
  return join(dirname(manifest), "dist/src/blob/main.js");
}

function readPort(log: string | undefined): number | undefined {
  const port = /successfully listens on \S*:(\d+)/.exec(log ?? "")?.[1];
  return port === undefined ? undefined : Number(port);
}

async function becomeReady(places: Places, record: ProcessRecord, clock: Clock): Promise<Running | undefined> {
  const readLog = async () => readPort(await readTextIfExists(places.logFile));
  const isSettled = async () => (await readLog()) !== undefined || !isRunning(record);
  await waitUntil(isSettled, { clock, timeoutMilliseconds: startMilliseconds });
  const port = await readLog();
  return isRunning(record) && port !== undefined ? { record, port } : undefined;
}

async function stop(record: ProcessRecord, { clock, log }: EmbeddedStorageOptions): Promise<void> {
  const outcome = await stopProcessGroup(record, { clock, graceMilliseconds: stopMilliseconds });
  if (outcome !== "ended") log.warn("storage did not stop by itself", { pid: record.pid, outcome });
}
