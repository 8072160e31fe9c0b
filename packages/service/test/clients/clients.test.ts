import { execFile } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clients } from "./clients.ts";
import { CannotBeHad } from "./installing.ts";
import { checkRow, failures, outcomesOf } from "./outcomes.ts";
import { type ClientsServer, clientsServer } from "./server.ts";

/** Every published client calls all of its operations: `all` of them, or those that are `quick`; none unless set. */
const wanted = process.env.KYANITE_CLIENTS;
const chosen = clients.filter(({ isQuick }) => wanted === "all" || (wanted === "quick" && isQuick));

let server: ClientsServer;

beforeAll(async () => {
  if (chosen.length > 0) server = await clientsServer();
});
afterAll(() => server?.[Symbol.asyncDispose]());

/** What the program printed, also of one that failed: what it found until then is in it. */
function outputOf([program = "", ...words]: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const means = { env: server.environment, cwd: server.directory, maxBuffer: 2 ** 26 };
    execFile(program, words, means, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}\n${stdout}\n${stderr}`));
      else resolve(stdout);
    });
  });
}

describe.skipIf(chosen.length === 0)("a client calls all of its operations", () => {
  test.for(chosen.map((client) => [client.title, client] as const))(
    "%s",
    { timeout: 900_000 },
    async ([title, client], { skip }) => {
      const command = await client.command().catch((cause: unknown) => {
        if (!(cause instanceof CannotBeHad)) throw cause;
        console.warn(`SKIPPED: ${title} cannot be had`, cause);
        return skip("cannot be had");
      });
      const outcomes = outcomesOf(await outputOf(command));
      expect(outcomes.length).toBeGreaterThan(5);
      const unexpected = failures(outcomes).filter(({ name }) => !client.cannot?.includes(name));
      if (process.env.KYANITE_WRITE_DOCS !== "1") expect(unexpected).toEqual([]);
      checkRow(title, outcomes, client.because);
    },
  );
});
