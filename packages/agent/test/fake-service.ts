import { randomUUID } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentReport, NodeAccount, NodeMount, NodeRequest, RunOrder, ServiceOrder } from "@kyanite/contract";
import { AgentReports, FilesAnswer, ServiceOrders } from "@kyanite/contract";
import { createLog, systemClock, waitUntil } from "@kyanite/runtime";
import { Check } from "typebox/value";
import { type WebSocket, WebSocketServer } from "ws";
import { type AgentConfig, startAgent } from "../src/index.ts";

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
  const routes = new Map<string, Handler>();
  const files = new Map<string, FilesResult>();
  const connections: { headers: IncomingMessage["headers"] }[] = [];
  const service = { refuseWith: 0, acknowledges: true, heartbeatSeconds: 1, slots: 4 };
  let socket: WebSocket | undefined;

  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://x").pathname;
    if (path.startsWith("/agent/files/")) return receiveFiles(request, response, path.split("/").at(-1) ?? "", files);
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
    if (!Check(AgentReports, message)) throw new Error(`no reports: ${JSON.stringify(message)}`);
    for (const report of message) take(report);
  };
  const take = (report: AgentReport) => {
    reports.push(report);
    if (report.type === "hello")
      order({
        type: "welcome",
        slots: service.slots,
        heartbeatSeconds: service.heartbeatSeconds,
        sampleSeconds: 0,
      });
    if (report.type === "finished" && service.acknowledges) order({ type: "acknowledge", runIds: [report.runId] });
  };
  const order = (sent: ServiceOrder) => {
    if (!Check(ServiceOrders, [sent])) throw new Error(`not an order: ${JSON.stringify(sent)}`);
    socket?.send(JSON.stringify([sent]));
  };
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
    connections,
    routes,
    order,
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

function receiveFiles(request: IncomingMessage, response: ServerResponse, id: string, files: Map<string, FilesResult>) {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const answer: unknown = JSON.parse(Buffer.from(String(request.headers["kyanite-files"]), "base64url").toString());
    if (!Check(FilesAnswer, answer)) throw new Error(`not an answer: ${JSON.stringify(answer)}`);
    files.set(id, { answer, body: Buffer.concat(chunks) });
    response.writeHead(204).end();
  });
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

/** An agent in this process, in a temporary directory, and the fake service that it obeys. */
export async function startNode({ isOpen = false, ...given }: Partial<AgentConfig> & { isOpen?: boolean } = {}) {
  const directory = await mkdtemp(join(tmpdir(), "kyanite-agent-"));
  // Temporary directories are closed to others, and so to the users of runs.
  if (isOpen) await chmod(directory, 0o755);
  const service = await startFakeService();
  const config: AgentConfig = {
    serviceUrl: service.url,
    serviceUrlFile: undefined,
    nodeId: "tvm-1",
    token: "secret-token",
    root: join(directory, "tasks"),
    logLevel: "error",
    logFile: undefined,
    users: "off",
    killGraceSeconds: 1,
    reservedDiskBytes: 0,
    sshPort: 22,
    commandPath: process.env.PATH ?? "",
    commandLanguage: "C.UTF-8",
    ...given,
  };
  const agent = await startAgent(config, { clock: systemClock, log: createLog(config.logLevel) });
  await service.hello();
  return {
    service,
    agent,
    config,
    root: config.root,
    directory,
    async [Symbol.asyncDispose]() {
      await agent.stop();
      await service[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
export type TestNode = Awaited<ReturnType<typeof startNode>>;
