import { type TemporaryDatabase, temporaryDatabase } from "@kyanite/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { beginning, commands, taken } from "./commands.ts";
import { Model } from "./model.ts";
import { World } from "./world.ts";

let temporary: TemporaryDatabase;
let world: World;

beforeAll(async () => {
  temporary = await temporaryDatabase();
  world = await World.create(temporary);
});
afterAll(() => temporary[Symbol.asyncDispose]());

/** More in a night's run: `KYANITE_SEQUENCES=1000`. */
const sequences = Number(process.env.KYANITE_SEQUENCES ?? 25);

test("whatever clients, agents and the clock do, jobs and tasks are where the rules put them", {
  timeout: 60_000 + sequences * 30_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(beginning, fc.commands(commands, { maxCommands: 100, size: "max" }), async (first, sequence) => {
      await world.reset();
      const model = new Model();
      for (const command of first) await command.run(model, world);
      await fc.asyncModelRun(() => ({ model, real: world }), sequence);
    }),
    { numRuns: sequences },
  );
  expect([...taken.keys()].length).toBeGreaterThan(20);
});
