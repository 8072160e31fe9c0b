import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";

/** A connection on which a test says what no HTTP client would; it stays open when the server ends its half. */
export async function rawSocket(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  // Whether and when the server closes it is for the test to look at.
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** What the server says to this until it ends its half. */
export async function say(url: string, message: string): Promise<string> {
  const socket = await rawSocket(url);
  socket.write(message);
  const said = await text(socket);
  socket.destroy();
  return said;
}

/** The head of a request with the usual lines and those given. */
export const head = (target: string, ...lines: readonly string[]) =>
  [`${target} HTTP/1.1`, "host: localhost", ...lines, "", ""].join("\r\n");
