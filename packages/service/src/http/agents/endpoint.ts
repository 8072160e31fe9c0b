import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { AgentReport } from "@kyanite/contract";
import type { Clock, Log } from "@kyanite/runtime";
import { type WebSocket, WebSocketServer } from "ws";
import type { StorageAccounts } from "../../domain/account/storage.ts";
import type { Node } from "../../domain/node/node.ts";
import type { Hello } from "../../lifecycle/node.ts";
import { type Database, isDatabaseAway } from "../../store/database.ts";
import { readNodeOfAgent } from "../../store/nodes.ts";
import { refuseUpgrade } from "../sockets.ts";
import { keptLogIntake, keptLogOf } from "./kept-logs.ts";
import type { LinkedFiles } from "./linked-files.ts";
import type { AgentLinks } from "./links.ts";
import { readFilesAnswer } from "./node-files.ts";
import type { RelayAnswer } from "./relayed-answers.ts";
import { readReports } from "./reports.ts";
import { AgentSocket } from "./socket.ts";

export interface AgentEndpointOptions {
  readonly database: Database;
  readonly links: AgentLinks;
  readonly linkedFiles: LinkedFiles;
  /** For answers to what another server has asked. */
  readonly relayAnswer: RelayAnswer;
  /** For what is kept of the files of ended runs. */
  readonly storage: StorageAccounts;
  readonly keptLogMegabytes: number;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * What agents call: `/agent/link` for their link, `/agent/files/{requestId}` to answer a request for files, and
 * `/agent/kept/{runId}/{number}` to bring what is kept of a file of a run.
 */
export class AgentEndpoint {
  readonly #options: AgentEndpointOptions;
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: 16 * 1024 * 1024 });
  readonly #takeKeptLog;

  constructor(options: AgentEndpointOptions) {
    this.#options = options;
    this.#takeKeptLog = keptLogIntake({
      ...options,
      mostBytes: options.keptLogMegabytes * 1e6,
      onNotWritten: ({ storageAccount, container }, cause) =>
        options.log.warn("kept log not written to the storage account", { storageAccount, container, cause }),
    });
  }

  /** Turns an agent's request into its link. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { clock, log } = this.#options;
    socket.on("error", () => socket.destroy());
    try {
      const node = await this.#nodeOf(request);
      const hostId = hostIdOf(request);
      if (!node || !isServed(node) || hostId === undefined) return refuseUpgrade(socket, "401 Unauthorized", clock);
      if (request.url !== "/agent/link") return refuseUpgrade(socket, "404 Not Found", clock);
      this.#sockets.handleUpgrade(request, socket, head, (link) => this.#serve(link, new AgentSocket(link, hostId)));
    } catch (cause) {
      if (!isDatabaseAway(cause)) log.error("link refused", { cause });
      await refuseUpgrade(socket, "503 Service Unavailable", clock);
    }
  }

  /** Takes what agents send beside their links; false when the request is not an agent's. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const keptLog = keptLogOf(request.url);
    if (keptLog) return this.#keep(request, response, keptLog);
    const requestId = /^\/agent\/files\/([0-9a-f-]{36})$/.exec(request.url ?? "")?.[1];
    if (requestId === undefined) return false;
    const node = await this.#nodeOf(request);
    if (!node) return answer(response, 401);
    const { linkedFiles, relayAnswer } = this.#options;
    if (!linkedFiles.answer(requestId, readFilesAnswer(request), request))
      return answer(response, await relayAnswer(node.pk, requestId, request));
    request.once("close", () => answer(response, 204));
    return true;
  }

  async #keep(request: IncomingMessage, response: ServerResponse, file: { runId: string; number: number }) {
    const { log } = this.#options;
    try {
      const node = await this.#nodeOf(request);
      if (!node) return answer(response, 401);
      return answer(response, await this.#takeKeptLog(request, { ...file, nodePk: node.pk }));
    } catch (cause) {
      if (!isDatabaseAway(cause)) log.error("kept log not taken", { runId: file.runId, cause });
      return answer(response, 503);
    }
  }

  close(): void {
    this.#sockets.close();
  }

  #serve(link: WebSocket, socket: AgentSocket): void {
    const { links, log } = this.#options;
    const { hostId } = socket;
    link.on("message", (data) => this.#receive(socket, String(data)));
    link.on("close", () => links.disconnect(socket));
    link.on("error", (cause) => log.debug("link failed", { hostId, cause }));
  }

  #receive(socket: AgentSocket, text: string): void {
    const { links, log } = this.#options;
    try {
      for (const { nodeId, reports, refused } of readReports(text)) {
        for (const report of refused) links.refuse(nodeId, socket, report);
        for (const report of reports) void this.#take(nodeId, socket, report);
      }
    } catch (cause) {
      log.warn("message refused", { hostId: socket.hostId, cause });
      socket.close(1007, "the message is no JSON");
    }
  }

  /**
   * What fails for the database's sake is repeated on the next link; without having been welcomed, none is of use. What
   * is reported of a node that has not joined the link is passed over: its host is repeating it when it has.
   */
  async #take(nodeId: string, socket: AgentSocket, report: AgentReport): Promise<void> {
    const { links, log } = this.#options;
    try {
      if (report.type === "hello") return await this.#join(nodeId, socket, report);
      const node = socket.nodes.get(nodeId);
      if (node) await links.receive(node, socket, report);
    } catch (cause) {
      const isAway = isDatabaseAway(cause);
      if (!isAway) log.error("report not taken", { nodeId, type: report.type, cause });
      if (isAway || report.type === "hello") socket.close(1011, "the report could not be taken");
    }
  }

  /** A host speaks for those nodes only whose tokens it has. The one of a preempted node is to end it. */
  async #join(nodeId: string, socket: AgentSocket, hello: Hello): Promise<void> {
    const { database, links } = this.#options;
    const node = await readNodeOfAgent(database, nodeId, hashOf(hello.token));
    if (!node || !isServed(node)) return socket.send(nodeId, { type: "dismiss" });
    socket.nodes.set(nodeId, node);
    await links.receive(node, socket, hello);
  }

  async #nodeOf(request: IncomingMessage): Promise<Node | undefined> {
    const nodeId = String(request.headers["x-kyanite-node"] ?? "");
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    if (token === undefined) return undefined;
    return readNodeOfAgent(this.#options.database, nodeId, hashOf(token));
  }
}

const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");

/** Nobody but the host knows what its id follows from. */
function hostIdOf({ headers }: IncomingMessage): string | undefined {
  const key = headers["x-kyanite-host"];
  return typeof key === "string" && key !== "" ? hashOf(key).slice(0, 32) : undefined;
}

/** The host of a preempted node ends it when it is refused; only what it is being asked may it still answer. */
const isServed = ({ state }: Node) => state !== "preempted";

function answer(response: ServerResponse, status: number): true {
  response.writeHead(status, { "content-length": 0 }).end();
  return true;
}
