import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { freePorts, type TemporaryDatabase, temporaryDatabase } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DatabaseAddress, isDatabaseAway, openDatabase } from "../../src/store/database.ts";

let temporary: TemporaryDatabase;
let resetting: Server;

beforeAll(async () => {
  temporary = await temporaryDatabase();
  resetting = createServer((socket) => socket.once("data", () => socket.resetAndDestroy())).listen(0, "127.0.0.1");
  await once(resetting, "listening");
});
afterAll(async () => {
  resetting.close();
  await temporary[Symbol.asyncDispose]();
});

const portOf = (server: Server) => {
  const address: AddressInfo | string | null = server.address();
  return typeof address === "object" && address ? address.port : 0;
};

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "no failure",
    (cause: unknown) => cause,
  );

async function failureAt(address: DatabaseAddress): Promise<unknown> {
  const database = openDatabase({ user: "u", password: "p", database: "d", ...address, maxConnections: 1 });
  const failure = await failureOf(database`select 1`);
  await database.end({ timeout: 1 });
  return failure;
}

describe("the database is away when", () => {
  const failures: Record<string, () => Promise<unknown>> = {
    "nobody listens on its port": async () => failureAt({ host: "127.0.0.1", port: (await freePorts(1))[0] ?? 0 }),
    "its socket is not there": () => failureAt({ host: "/nowhere", port: 5432 }),
    "it resets the connection": () => failureAt({ host: "127.0.0.1", port: portOf(resetting) }),
    "it ends a connection in the middle of a statement": () =>
      failureOf(temporary.database`select pg_terminate_backend(pg_backend_pid())`),
    "the pool has been closed": async () => {
      const database = openDatabase({ ...temporary.address, maxConnections: 1 });
      await database.end();
      return failureOf(database`select 1`);
    },
  };
  for (const [name, fail] of Object.entries(failures))
    test(name, async () => {
      const failure = await fail();
      expect(isDatabaseAway(failure), String(failure)).toBe(true);
    });
});

describe("the database is not away when", () => {
  const failures: Record<string, () => Promise<unknown>> = {
    "a file is missing": () => failureOf(readFile("/nowhere")),
    "a file's name is too long": () => failureOf(readFile(`/${"n".repeat(300)}`)),
    "another server refuses a connection": async () => failureOf(fetch(`http://127.0.0.1:${(await freePorts(1))[0]}`)),
    "another connection is reset": async () => {
      const socket = connect(portOf(resetting), "127.0.0.1");
      socket.write("x");
      const [failure] = await once(socket, "error").catch((cause: unknown) => [cause]);
      return failure;
    },
    "a statement is wrong": () => failureOf(temporary.database`select nothing`),
    "an error only looks like it": async () => Object.assign(new Error("write EPIPE"), { code: "EPIPE" }),
  };
  for (const [name, fail] of Object.entries(failures))
    test(name, async () => {
      const failure = await fail();
      expect(isDatabaseAway(failure), String(failure)).toBe(false);
    });
});
