import { chmod, mkdtemp, rm } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { connect, createServer, type Server as NetServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { sharedKey } from "@kyanite/client/node";
import {
  aPool,
  freePorts,
  type RawClient,
  rawClient,
  type ServerProcess,
  startServerProcess,
  type TemporaryDatabase,
  temporaryDatabase,
  until,
} from "@kyanite/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";

interface Server {
  readonly process: ServerProcess;
  readonly peerPort: number;
  readonly call: RawClient;
  /** Starts it again, where it was. */
  start(): Promise<ServerProcess>;
}

const account = { name: "local", key: Buffer.alloc(64, "several").toString("base64") };
let directory: string;
let database: TemporaryDatabase;
let databaseDoor: NetServer;
let databasePort: number;
let running: ServerProcess[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-several-"));
  await chmod(directory, 0o711);
  database = await temporaryDatabase();
  const { host, port } = Object(database.address);
  // The database of tests has a Unix socket, which no URL can name.
  databaseDoor = createServer((client) => {
    const socket = connect(`${host}/.s.PGSQL.${port}`);
    pipeline(client, socket, client).catch(() => {});
  });
  [databasePort = 0] = await freePorts(1);
  databaseDoor.listen(databasePort, "127.0.0.1");
});
afterEach(async () => {
  await Promise.all(running.map((server) => server.stop()));
  running = [];
  databaseDoor.close();
  await database[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

async function startServer(name: string): Promise<Server> {
  const { user, password, database: databaseName } = Object(database.address);
  const [http, https, peerPort = 0] = await freePorts(3);
  const settings = {
    "data-dir": join(directory, name),
    "http-port": http,
    "https-port": https,
    "peer-port": peerPort,
    "account-key": account.key,
    "database-url": `postgresql://${user}:${password}@127.0.0.1:${databasePort}/${databaseName}`,
  };
  const flags = Object.entries(settings).flatMap(([flag, value]) => [`--${flag}`, String(value)]);
  const start = async () => {
    const started = await startServerProcess(flags);
    running.push(started);
    return started;
  };
  const process = await start();
  return { process, peerPort, start, call: rawClient({ url: process.endpoints.batchUrl, account }) };
}

/** The one to which the host of all nodes is connected. */
async function holderOf<S extends Server>(servers: readonly S[]): Promise<S | undefined> {
  const rows = await database.database<{ address: string }[]>`
    select s.address from server s join host h on h.server_id = s.id`;
  return servers.find(({ peerPort }) => rows.some(({ address }) => address === `127.0.0.1:${peerPort}`));
}

const files = "/jobs/job/tasks/task/files";

async function readLarge({ process }: Server): Promise<IncomingMessage> {
  const target = `${files}/wd/large?api-version=2024-07-01.20.0`;
  const headers = { "ocp-date": new Date().toUTCString() };
  const authorization = await sharedKey(account.name, account.key)({ method: "GET", target, headers });
  return new Promise((resolve, reject) => {
    request(new URL(target, process.endpoints.batchUrl), { headers: { ...headers, authorization } }, resolve)
      .once("error", reject)
      .end();
  });
}

test("what is read of a node ends when the node's server is killed, and nobody waits for what cannot be read", async () => {
  const servers = [await startServer("one"), await startServer("two")];
  const { call } = servers[0] ?? { call: rawClient({ url: "", account }) };
  await call("POST", "/pools", { body: aPool("pool") });
  await call("POST", "/jobs", { body: { id: "job", poolInfo: { poolId: "pool" } } });
  const commandLine = "/bin/sh -c 'echo hello; truncate -s 300M large'";
  await call("POST", "/jobs/job/tasks", { body: { id: "task", commandLine } });
  await until(
    async () => Object((await call("GET", "/jobs/job/tasks/task")).json).state,
    (state) => state === "completed",
    60,
  );
  const holder = await holderOf(servers);
  const other = servers.find((server) => server !== holder);
  if (!holder || !other) throw new Error("no server has the host");
  expect(await other.call("GET", `${files}/stdout.txt`)).toMatchObject({ status: 200, text: "hello\n" });

  const answer = await readLarge(other);
  expect(answer.statusCode).toBe(200);
  await holder.process.kill();
  const read = pipeline(answer, async (chunks: AsyncIterable<Buffer>) => {
    for await (const _ of chunks);
  });
  await expect(read).rejects.toThrow();
  const away = await other.call("GET", `${files}/wd/large`);
  expect(away).toMatchObject({ status: 409, json: { code: "TaskFilesUnavailable" } });

  // So that somebody ends its nodes.
  await holder.start();
}, 120_000);
