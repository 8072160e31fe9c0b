import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { AgentReports, FilesAnswer } from "@kyanite/contract";
import type { Log } from "@kyanite/runtime";
import { Compile } from "typebox/compile";
import Value from "typebox/value";
import { type WebSocket, WebSocketServer } from "ws";
import type { Node } from "../domain/node.ts";
import { type Database, isDatabaseAway } from "../store/database.ts";
import { readNodeOfAgent } from "../store/nodes.ts";
import type { AgentLinks } from "./agent-links.ts";
import { AgentSocket } from "./agent-socket.ts";
import type { NodeFiles } from "./node-files.ts";

export interface AgentEndpointOptions {
  readonly database: Database;
  readonly links: AgentLinks;
  readonly nodeFiles: NodeFiles;
  readonly log: Log;
}

/** Compiled, since every run ends with a report: to interpret the schema takes as long as all else that is done with it. */
const messages = Compile(AgentReports);

/** What agents call: `/agent/link` for their link, and `/agent/files/{requestId}` to answer a request for files. */
export class AgentEndpoint {
  readonly #options: AgentEndpointOptions;
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: 16 * 1024 * 1024 });

  constructor(options: AgentEndpointOptions) {
    this.#options = options;
  }

  /** Turns an agent's request into its link. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on("error", () => socket.destroy());
    try {
      const node = await this.#nodeOf(request);
      if (request.url !== "/agent/link" || !node) return refuse(socket, node ? "404 Not Found" : "401 Unauthorized");
      this.#sockets.handleUpgrade(request, socket, head, (link) => this.#serve(node, link, new AgentSocket(link)));
    } catch (cause) {
      if (!isDatabaseAway(cause)) this.#options.log.error("link refused", { cause });
      refuse(socket, "503 Service Unavailable");
    }
  }

  /** Takes the answer to a request for files; false when the request is not an agent's. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const requestId = /^\/agent\/files\/([0-9a-f-]{36})$/.exec(request.url ?? "")?.[1];
    if (requestId === undefined) return false;
    if (!(await this.#nodeOf(request))) return answer(response, 401);
    const text = Buffer.from(String(request.headers["kyanite-files"] ?? ""), "base64url").toString();
    const isTaken = this.#options.nodeFiles.answer(requestId, Value.Parse(FilesAnswer, JSON.parse(text)), request);
    if (!isTaken) return answer(response, 404);
    request.once("close", () => answer(response, 204));
    return true;
  }

  close(): void {
    this.#sockets.close();
  }

  #serve(node: Node, link: WebSocket, socket: AgentSocket): void {
    const { links, log } = this.#options;
    link.on("message", (data) => {
      this.#receive(node, socket, String(data)).catch((cause) => {
        if (!isDatabaseAway(cause)) log.error("report refused", { nodeId: node.id, cause });
        link.close(1011, "the report could not be taken");
      });
    });
    link.on("close", () => links.disconnect(node.pk, socket));
    link.on("error", (cause) => log.debug("link failed", { nodeId: node.id, cause }));
  }

  async #receive(node: Node, socket: AgentSocket, text: string): Promise<void> {
    const { links } = this.#options;
    await Promise.all(messages.Parse(JSON.parse(text)).map((report) => links.receive(node, socket, report)));
  }

  async #nodeOf(request: IncomingMessage): Promise<Node | undefined> {
    const nodeId = String(request.headers["x-kyanite-node"] ?? "");
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    if (token === undefined) return undefined;
    return readNodeOfAgent(this.#options.database, nodeId, createHash("sha256").update(token).digest("hex"));
  }
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function answer(response: ServerResponse, status: number): true {
  response.writeHead(status, { "content-length": 0 }).end();
  return true;
}
