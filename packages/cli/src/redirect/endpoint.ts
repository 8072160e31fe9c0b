import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Server } from "node:net";
import { connect, createServer } from "node:tls";
import type { Endpoints } from "@kyanite/service/host/endpoints";
import { join } from "./forward.ts";
import type { Destination } from "./names.ts";

export interface EndpointOptions {
  readonly names: ReadonlyMap<string, Destination>;
  readonly endpoints: Pick<Endpoints, "batchHttpsUrl" | "blobHttpsEndpoint">;
  /** The authority of the server, in PEM. */
  readonly serverAuthority: string;
  /** For the names, in PEM. */
  readonly certificate: string;
  readonly key: string;
}

/**
 * Answers for the redirected names: ends TLS with a certificate for them, and carries what is inside, as it is, to
 * whoever has the name here, over TLS again. Requests keep their `Host`, by which server and storage know the account.
 */
export function createEndpoint({ names, endpoints, serverAuthority, certificate, key }: EndpointOptions): Server {
  const ports = { server: portOf(endpoints.batchHttpsUrl), storage: portOf(endpoints.blobHttpsEndpoint) };
  const refusing = createHttpServer(refuse);
  const options = { cert: certificate, key, ALPNProtocols: ["http/1.1"] };
  const server = createServer(options, (socket) => {
    // The types of Node leave it out.
    const name = String(Reflect.get(socket, "servername")).toLowerCase();
    const destination = names.get(name) ?? "nobody";
    if (destination === "nobody") refusing.emit("connection", socket);
    else
      join(
        socket,
        connect({ port: ports[destination], host: "127.0.0.1", servername: "localhost", ca: serverAuthority }),
      );
  });
  // Who does not trust the certificate goes away.
  return server.on("tlsClientError", (_error, socket) => socket.destroy());
}

const portOf = (url: string) => (url === "" ? 0 : Number(new URL(url).port || 443));

function refuse({ headers }: IncomingMessage, response: ServerResponse): void {
  const message = `${headers.host} is redirected to Kyanite, whose storage has blobs only`;
  response.writeHead(501, { "content-type": "application/xml", "x-ms-error-code": "NotImplemented" });
  response.end(
    `<?xml version="1.0" encoding="utf-8"?><Error><Code>NotImplemented</Code><Message>${message.replace(/[<&]/g, "")}</Message></Error>`,
  );
}
