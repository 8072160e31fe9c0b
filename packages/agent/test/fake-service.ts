import { randomUUID } from "node:crypto";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type {
  AgentReport,
  NodeAccount,
  NodeLimits,
  NodeMount,
  NodeRequest,
  RunOrder,
  ServiceOrder,
} from "@kyanite/contract";
import { AgentMessage, FilesAnswer, ServiceMessage } from "@kyanite/contract";
import { FrameReader } from "@kyanite/contract/follow-frames";
import { type Clock, createLog, type IdRange, systemClock, waitUntil } from "@kyanite/runtime";
import { Check } from "typebox/value";
import { type WebSocket, WebSocketServer } from "ws";
import { type HostConfig, startHost } from "../src/index.ts";
import type { Standings } from "../src/wanted.ts";

export type Finished = Extract<AgentReport, { type: "finished" }>;
type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Answers of the fake service to `files` orders. */
export interface FilesResult {
  readonly answer: FilesAnswer;
  readonly body: Buffer;
}

/** The service's side of the link, and an HTTP server for whatever a test wants to serve. */
export async function startFakeService() {
  const reports: AgentReport[] = [];
  const byNode: { readonly nodeId: string; readonly report: AgentReport }[] = [];
  const routes = new Map<string, Handler>();
  const files: Answers["files"] = new Map();
  const arriving: Answers["arriving"] = new Map();
  const connections: { headers: IncomingMessage["headers"] }[] = [];
  const limits: NodeLimits = {};
  /** Called when an answer to `files` begins to come, which is taken when this resolves. */
  const onFiles = async () => {};
  const service = { refuseWith: 0, acknowledges: true, heartbeatSeconds: 1, slots: 4, limits, onFiles };
  let socket: WebSocket | undefined;

  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://x").pathname;
    if (path.startsWith("/agent/files/")) {
      const id = path.split("/").at(-1) ?? "";
      return void service.onFiles().then(() => receiveFiles(request, response, id, { files, arriving }));
    }
    const route =
      routes.get(path) ?? [...routes].find(([prefix]) => prefix.endsWith("/") && path.startsWith(prefix))?.[1];
    if (route) return route(request, response);
    response.writeHead(404).end();
  });
  const sockets = new WebSocketServer({ noServer: true });
  server.on("upgrade", (request, stream, head) => {
    if (service.refuseWith > 0) {
      stream.end(`HTTP/1.1 ${service.refuseWith} No\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    connections.push({ headers: request.headers });
    sockets.handleUpgrade(request, stream, head, (opened) => {
      socket = opened;
      opened.on("message", (message) => receive(JSON.parse(message.toString())));
    });
  });
  const receive = (message: unknown) => {
    if (!Check(AgentMessage, message)) throw new Error(`no reports: ${JSON.stringify(message)}`);
    for (const { nodeId, reports } of message) for (const report of reports) take(nodeId, report);
  };
  const take = (nodeId: string, report: AgentReport) => {
    reports.push(report);
    byNode.push({ nodeId, report });
    if (report.type === "hello")
      tell(nodeId, {
        type: "welcome",
        slots: service.slots,
        limits: service.limits,
        heartbeatSeconds: service.heartbeatSeconds,
        sampleSeconds: 0,
      });
    if (report.type === "finished" && service.acknowledges)
      tell(nodeId, { type: "acknowledge", runIds: [report.runId] });
  };
  const tell = (nodeId: string, sent: ServiceOrder) => {
    const message = [{ nodeId, orders: [sent] }];
    if (!Check(ServiceMessage, message)) throw new Error(`not an order: ${JSON.stringify(sent)}`);
    socket?.send(JSON.stringify(message));
  };
  const order = (sent: ServiceOrder) => tell(theNode, sent);
  const until = async <Found>(find: () => Found | undefined, what: string): Promise<Found> => {
    let found: Found | undefined;
    await waitUntil(
      () => {
        found = find();
        return found !== undefined;
      },
      { clock: systemClock, timeoutMilliseconds: 20_000 },
    );
    if (found === undefined) throw new Error(`${what} did not come; reports: ${JSON.stringify(reports).slice(-2000)}`);
    return found;
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (!isAddress(address)) throw new Error("no port");
  const url = `http://127.0.0.1:${address.port}`;

  return {
    url,
    port: address.port,
    settings: service,
    reports,
    /** The same, with the nodes that they are of. */
    byNode,
    connections,
    routes,
    /** Tells the one node that most tests have. */
    order,
    tell,
    until,
    hello: (count = 1) => until(() => reports.filter(({ type }) => type === "hello")[count - 1], `hello ${count}`),
    /** Sends a run and waits for its end. */
    async run(given: Partial<RunOrder>): Promise<Finished> {
      const ordered = aRun(given);
      order({ type: "run", order: ordered });
      return this.finished(ordered.runId);
    },
    async exit(given: Partial<RunOrder>): Promise<Finished["exit"]> {
      return (await this.run(given)).exit;
    },
    finished: (runId: string) =>
      until(
        () => reports.find((report): report is Finished => report.type === "finished" && report.runId === runId),
        "end",
      ),
    started: (runId: string) =>
      until(() => reports.find((report) => report.type === "started" && report.runId === runId), "start"),
    async files(request: NodeRequest): Promise<FilesResult> {
      const requestId = randomUUID();
      order({ type: "files", requestId, request });
      return until(() => files.get(requestId), "files");
    },
    /** Follows a file; what has come is asked for at any time. */
    async follow(request: Omit<Extract<NodeRequest, { operation: "follow" }>, "operation">) {
      const requestId = randomUUID();
      order({ type: "files", requestId, request: { operation: "follow", ...request } });
      const answer = await until(() => arriving.get(requestId), "beginning of an answer");
      const frames = () => [...new FrameReader().read(Buffer.concat(answer.chunks))];
      const text = () => frames().map((frame) => (frame.kind === "data" ? Buffer.from(frame.bytes).toString() : ""));
      return {
        frames,
        text: () => text().join(""),
        comes: (wanted: string) => until(() => text().join("").endsWith(wanted) || undefined, wanted),
        end: () => until(() => frames().find((frame) => frame.kind === "ended")?.how, "end of a file"),
        cancel: answer.cancel,
      };
    },
    async setUp(accounts: NodeAccount[], mounts: NodeMount[] = []) {
      const setupId = randomUUID();
      order({ type: "setUp", setupId, accounts, mounts });
      return until(() => reports.find((report) => report.type === "setUp" && report.setupId === setupId), "set-up");
    },
    dropLink: () => socket?.terminate(),
    async [Symbol.asyncDispose]() {
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
export type FakeService = Awaited<ReturnType<typeof startFakeService>>;

const isAddress = (address: string | AddressInfo | null): address is AddressInfo =>
  typeof address === "object" && address !== null;

function receiveFiles(request: IncomingMessage, response: ServerResponse, id: string, { files, arriving }: Answers) {
  const chunks: Buffer[] = [];
  arriving.set(id, { chunks, cancel: () => request.destroy() });
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const answer: unknown = JSON.parse(Buffer.from(String(request.headers["kyanite-files"]), "base64url").toString());
    if (!Check(FilesAnswer, answer)) throw new Error(`not an answer: ${JSON.stringify(answer)}`);
    files.set(id, { answer, body: Buffer.concat(chunks) });
    response.writeHead(204).end();
  });
}

interface Answers {
  readonly files: Map<string, FilesResult>;
  /** What has come of answers so far. */
  readonly arriving: Map<string, { readonly chunks: readonly Buffer[]; cancel(): void }>;
}

let runs = 0;

export function aRun(given: Partial<RunOrder> = {}): RunOrder {
  runs += 1;
  return {
    runId: randomUUID(),
    kind: "task",
    jobId: "job",
    taskId: `task-${runs}`,
    directory: `workitems/job/job-1/task-${runs}`,
    keepsDirectory: false,
    commandLine: "true",
    environment: {},
    user: { kind: "auto", scope: "pool", elevationLevel: "nonadmin" },
    packages: [],
    downloads: [],
    uploads: [],
    ...given,
  };
}

export const shell = (script: string) => `/bin/sh -c '${script}'`;

/** The node that most tests have; a host may have more. */
export const theNode = "tvm-1";

/** A host in this process with one node, in a temporary directory, and the fake service that it obeys. */
export async function startNode({
  isOpen = false,
  limits = {},
  within = tmpdir(),
  clock = systemClock,
  userIds = { first: 1_900_000, last: 1_900_020 },
  ...given
}: Partial<HostConfig> & {
  isOpen?: boolean;
  limits?: NodeLimits;
  within?: string;
  clock?: Clock;
  userIds?: IdRange;
} = {}) {
  const top = await mkdtemp(join(within, "kyanite-agent-"));
  const directory = join(top, theNode);
  // Temporary directories are closed to others, and so to the users of runs.
  if (isOpen) await chmod(top, 0o755);
  await addToken(top, theNode);
  const service = await startFakeService();
  service.settings.limits = limits;
  const config: HostConfig = {
    serviceUrl: service.url,
    serviceUrlFile: undefined,
    directory: join(top, ".host"),
    nodesDirectory: top,
    provider: "local",
    labels: {},
    logLevel: "error",
    users: "off",
    hidden: top,
    killGraceSeconds: 1,
    reservedDiskBytes: 0,
    abandonedHours: 24,
    sshPort: 22,
    containers: { setting: "off", network: undefined, imageBytes: 0 },
    opensAtOnce: 8,
    commandPath: process.env.PATH ?? "",
    commandLanguage: "C.UTF-8",
    ...given,
  };
  const standings: { now: Standings } = { now: {} };
  const log = createLog(config.logLevel);
  const onStandings = (now: Standings) => {
    standings.now = now;
  };
  const host = await startHost(config, { clock, log, onStandings });
  const wish = { state: "running", userIds: `${userIds.first}-${userIds.last}` } as const;
  host.keep({ [theNode]: { ...wish, generation: 1 } });
  await service.hello();
  return {
    service,
    host,
    config,
    standings,
    root: join(directory, "root"),
    /** The node's. */
    directory,
    /** Of all nodes. */
    top,
    async [Symbol.asyncDispose]() {
      await host.stop();
      await service[Symbol.asyncDispose]();
      await rm(top, { recursive: true, force: true });
    },
  };
}
export type TestNode = Awaited<ReturnType<typeof startNode>>;

/** What whoever starts a host leaves for it, so that a node can show who it is. */
export async function addToken(nodesDirectory: string, nodeId: string): Promise<void> {
  await mkdir(join(nodesDirectory, nodeId), { recursive: true });
  await chmod(join(nodesDirectory, nodeId), 0o711);
  await writeFile(join(nodesDirectory, nodeId, "token"), `secret-token-${nodeId}\n`, { mode: 0o600 });
}
