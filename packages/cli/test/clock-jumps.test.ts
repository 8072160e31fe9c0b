import { execFile, spawn } from "node:child_process";
import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { chmod, mkdtemp, readFile, readlink, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  agentOfNode,
  aPool,
  type RawAnswer,
  rawClient,
  type ServerProcess,
  startServerProcess,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
const hasFaketime = existsSync(library);
if (!hasFaketime) console.warn("clock-jumps.test.ts is skipped: Debian's package faketime is not installed");

const run = promisify(execFile);
const hour = 3_600_000;
/** How far ahead the clocks of server, storage, database and agents are. */
const clock = { ahead: 0, file: "" };
let directory: string;
let server: ServerProcess;

/** Only the wall clock jumps, as when somebody sets it; timers go on. */
const fakeEnvironment = () => ({
  LD_PRELOAD: library,
  FAKETIME_TIMESTAMP_FILE: clock.file,
  FAKETIME_NO_CACHE: "1",
  FAKETIME_DONT_FAKE_MONOTONIC: "1",
  NO_FAKE_STAT: "1",
});

function setClock(hoursAhead: number): void {
  writeFileSync(clock.file, `${hoursAhead < 0 ? "" : "+"}${hoursAhead * 3600}\n`);
  chmodSync(clock.file, 0o644);
  clock.ahead = hoursAhead * hour;
}

const now = () => new Date(Date.now() + clock.ahead);

async function ask(method: string, path: string, body?: object, date = now()): Promise<RawAnswer> {
  const { account, accountKey, batchUrl } = server.endpoints;
  const client = rawClient({ url: batchUrl, account: { name: account, key: accountKey } });
  return client(method, path, { headers: { "ocp-date": date.toUTCString() }, ...(body ? { body } : {}) });
}

async function add(path: string, body: object): Promise<void> {
  const answer = await ask("POST", path, body);
  expect([answer.status, answer.text.slice(0, 500)]).toEqual([201, ""]);
}

interface Shown {
  readonly id?: string;
  readonly state?: string;
  readonly lastBootTime?: string;
  readonly nodeInfo?: { readonly nodeId?: string };
  readonly value?: readonly Shown[];
  readonly executionInfo?: {
    readonly result?: string;
    readonly requeueCount?: number;
    readonly terminateReason?: string;
  };
}

async function show(path: string): Promise<Shown> {
  const { json } = await ask("GET", path);
  return typeof json === "object" && json !== null ? json : {};
}

const list = async (path: string): Promise<readonly Shown[]> => (await show(path)).value ?? [];
const reaches = (path: string, state: string) =>
  until(
    () => show(path),
    (shown) => shown.state === state,
    60,
  );
const addTask = (id: string, commandLine: string, constraints: object = {}) =>
  add("/jobs/job/tasks", { id, commandLine, constraints });

function pidIn(text: string): number {
  const record: unknown = JSON.parse(text);
  return typeof record === "object" && record !== null && "pid" in record ? Number(record.pid) : 0;
}

/** Makes a service principal, and answers how it signs in. */
async function newPrincipal(dataDirectory: string): Promise<() => Promise<string>> {
  const program = fileURLToPath(new URL("../bin/kyanite.mjs", import.meta.url));
  const { stdout } = await run(process.execPath, [program, "identity", "add", "clock", "--data-dir", dataDirectory]);
  const printed = (name: string) => new RegExp(`^${name}=(.+)$`, "m").exec(stdout)?.[1] ?? "";
  const form = {
    grant_type: "client_credentials",
    client_id: printed("AZURE_CLIENT_ID"),
    client_secret: printed("AZURE_CLIENT_SECRET"),
    resource: "https://batch.core.windows.net/",
  };
  return async () => {
    const url = `${server.endpoints.batchUrl}/adfs/oauth2/token`;
    const answer = await fetch(url, { method: "POST", body: new URLSearchParams(form) });
    return String(JSON.parse(await answer.text()).access_token);
  };
}

/** The bundled database under the jumping clock as well: the server adopts one that runs already. */
async function startDatabase(dataDirectory: string): Promise<void> {
  const pid = pidIn(await readFile(join(dataDirectory, "postgres-process.json"), "utf8"));
  const program = await readlink(`/proc/${pid}/exe`);
  const data = join(dataDirectory, "postgres/data");
  const { uid, gid } = await stat(data);
  await server.stop();
  const env = { ...fakeEnvironment(), LC_ALL: "C", TZ: "UTC" };
  spawn(program, ["-D", data], { uid, gid, env, stdio: "ignore", detached: true });
  await until(
    () => readFile(join(data, "postmaster.pid"), "utf8").catch(() => ""),
    (text) => text.includes("ready"),
  );
}

/** What nodes and a running task must not notice: neither is lost, nor begun anew. */
async function standing() {
  const nodes = await list("/pools/pool/nodes");
  const { state, executionInfo } = await show("/jobs/job/tasks/long");
  return {
    boots: nodes.map(({ id, lastBootTime }) => [id, lastBootTime]),
    state,
    requeues: executionInfo?.requeueCount,
  };
}

/** Sets the clock while a task runs that may take ten seconds: those are ten seconds of its own. */
async function setClockUnderTask(hoursAhead: number): Promise<void> {
  const id = `limited${hoursAhead}`;
  await addTask(id, "sleep 600", { maxWallClockTime: "PT10S" });
  await reaches(`/jobs/job/tasks/${id}`, "running");
  const begun = performance.now();
  setClock(hoursAhead);
  await addTask(`after${hoursAhead}`, "true");
  expect((await reaches(`/jobs/job/tasks/after${hoursAhead}`, "completed")).executionInfo?.result).toBe("success");
  expect((await show(`/jobs/job/tasks/${id}`)).state).toBe("running");
  expect((await reaches(`/jobs/job/tasks/${id}`, "completed")).executionInfo?.result).toBe("failure");
  expect(performance.now() - begun).toBeGreaterThan(8_000);
  expect(performance.now() - begun).toBeLessThan(25_000);
}

const statusOfFiles = async (task: string) => (await ask("GET", `/jobs/job/tasks/${task}/files`)).status;
const jobsOfSchedule = async () => (await list("/jobschedules/hourly/jobs")).map(({ id }) => id);

async function statusOfToken(token: string): Promise<number> {
  const url = `${server.endpoints.batchUrl}/pools?api-version=2024-07-01.20.0`;
  return (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).status;
}

describe.runIf(hasFaketime)("a clock that is set three hours forward, and then six hours back,", () => {
  let signIn: () => Promise<string>;
  let firstToken: string;
  let before: Awaited<ReturnType<typeof standing>>;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "kyanite-clock-"));
    await chmod(directory, 0o711);
    clock.file = join(directory, "clock");
    setClock(0);
    const dataDirectory = join(directory, "data");
    const flags = [
      "--data-dir",
      dataDirectory,
      "--http-port",
      "0",
      "--https-port",
      "0",
      "--heartbeat-seconds",
      "1",
      "--nodes-per-agent",
      "1",
    ];
    server = await startServerProcess(flags);
    await startDatabase(dataDirectory);
    const silence = ["--node-silent-seconds", "6"];
    server = await startServerProcess([...flags, ...silence], { environment: fakeEnvironment() });
    signIn = await newPrincipal(dataDirectory);
    firstToken = await signIn();
    await add("/pools", aPool("pool", { targetDedicatedNodes: 2, taskSlotsPerNode: 4 }));
    await until(
      () => list("/pools/pool/nodes"),
      (nodes) => nodes.length === 2 && nodes.every(({ state }) => state === "idle"),
      60,
    );
    const poolInfo = { poolId: "pool" };
    await add("/jobs", { id: "job", poolInfo });
    await add("/jobs", { id: "limited", poolInfo, constraints: { maxWallClockTime: "PT2H" } });
    const jobManagerTask = { id: "manager", commandLine: "true" };
    const schedule = { recurrenceInterval: "PT1H" };
    await add("/jobschedules", { id: "hourly", schedule, jobSpecification: { poolInfo, jobManagerTask } });
    await addTask("long", "sleep 600");
    await addTask("hour", "true", { retentionTime: "PT1H" });
    await addTask("week", "true");
    for (const path of ["/jobs/job/tasks/hour", "/jobs/job/tasks/week", "/jobs/hourly:job-1"])
      await reaches(path, "completed");
    await reaches("/jobs/job/tasks/long", "running");
    before = await standing();
  }, 180_000);

  afterAll(async () => {
    await server?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  test("goes forward: what has a date is due, and what takes its time takes it", async () => {
    await setClockUnderTask(3);
    expect(await standing()).toEqual(before);
    expect((await reaches("/jobs/limited", "completed")).executionInfo?.terminateReason).toBe("MaxWallClockTimeExpiry");
    await until(
      () => statusOfFiles("hour"),
      (status) => status !== 200,
    );
    expect(await statusOfFiles("week")).toBe(200);
    await reaches("/jobs/hourly:job-2", "completed");
    expect(await jobsOfSchedule()).toEqual(["hourly:job-1", "hourly:job-2"]);
    expect([await statusOfToken(firstToken), await statusOfToken(await signIn())]).toEqual([403, 200]);
    expect((await ask("GET", "/pools", undefined, new Date())).status).toBe(403);
  }, 60_000);

  test("goes back: nothing waits for the time that was there before", async () => {
    const token = await signIn();
    await setClockUnderTask(-3);
    expect(await standing()).toEqual(before);
    expect(await jobsOfSchedule()).toEqual(["hourly:job-1", "hourly:job-2"]);
    expect([await statusOfToken(token), await statusOfToken(await signIn())]).toEqual([403, 200]);
    await expectSilenceNoticed();
  }, 90_000);
});

/** A node whose agent does not answer is given up within its seconds, and comes back. */
async function expectSilenceNoticed(): Promise<void> {
  const { nodeInfo } = await show("/jobs/job/tasks/long");
  const node = (await list("/pools/pool/nodes")).find(({ id }) => id !== nodeInfo?.nodeId);
  const agent = await agentOfNode(join(directory, "data/nodes"), node?.id ?? "");
  const pid = agent?.pid ?? 0;
  process.kill(pid, "SIGSTOP");
  await reaches(`/pools/pool/nodes/${node?.id}`, "unknown").finally(() => process.kill(pid, "SIGCONT"));
  await reaches(`/pools/pool/nodes/${node?.id}`, "idle");
}
