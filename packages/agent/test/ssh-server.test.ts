import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { expect, test } from "vitest";
import { findSshServer } from "../src/ssh-server.ts";

async function greeting(host: string, words: string): Promise<AsyncDisposable & { readonly port: number }> {
  const server: Server = createServer((socket) => socket.end(words)).listen(0, host);
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}

test.each([
  ["at the node's address", "127.0.0.2", "SSH-2.0-OpenSSH\r\n", "127.0.0.2"],
  ["on the machine itself only", "127.0.0.1", "SSH-2.0-OpenSSH\r\n", "127.0.0.1"],
  ["nowhere: this is a mail server", "127.0.0.2", "220 ready\r\n", undefined],
])("an SSH server answers %s", async (_, host, words, found) => {
  await using server = await greeting(host, words);
  expect(await findSshServer("127.0.0.2", server.port)).toBe(found);
});
