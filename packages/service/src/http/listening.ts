import { createServer, type Server } from "node:net";

/** @returns the real port */
export function listenOn(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) =>
      reject(new Error(`Cannot listen on ${host}:${port}: ${explain(cause)}`, { cause })),
    );
    server.listen({ port, host }, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function explain(cause: Error): string {
  if ("code" in cause && cause.code === "EADDRINUSE")
    return "the port is in use. Stop what uses it, or choose another with --http-port and --https-port (0 takes a free one)";
  return cause.message;
}

/**
 * Looks whether the ports can be had, before a database and a storage are started in vain.
 * @throws when one of the ports cannot be listened on, saying what to do
 */
export async function requireFreePorts(host: string, ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    const server = createServer();
    await listenOn(server, port, host);
    await new Promise((resolve) => server.close(resolve));
  }
}
