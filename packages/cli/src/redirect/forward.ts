import { once } from "node:events";
import { connect, createServer, type ListenOptions, type Server, type Socket } from "node:net";

/** Carries bytes both ways between two connections, until either ends. */
export function join(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.pipe(to);
    from.on("error", () => to.destroy()).on("close", () => to.destroy());
  }
}

/** Hands each connection on to where `target` says: a port of this machine, or the path of a socket. */
export const forwarder = (target: number | string): Server =>
  createServer((socket) => {
    join(socket, typeof target === "string" ? connect(target) : connect(target, "127.0.0.1"));
  });

/** @throws when the place is taken, or not ours to take */
export async function listen(server: Server, place: ListenOptions): Promise<void> {
  server.listen(place);
  await once(server, "listening");
}
