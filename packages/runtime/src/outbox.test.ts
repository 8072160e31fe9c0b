import { expect, test } from "vitest";
import { openOutbox } from "./outbox.ts";

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

function anOutbox() {
  const sent: unknown[] = [];
  return { say: openOutbox<unknown>((text) => sent.push(JSON.parse(text))), sent };
}

test("what is said in one turn is sent as one list, in order", async () => {
  const { say, sent } = anOutbox();
  say({ n: 1 });
  await Promise.resolve();
  say({ n: 2 });
  expect(sent).toEqual([]);
  await nextTurn();
  say("later");
  await nextTurn();
  expect(sent).toEqual([[{ n: 1 }, { n: 2 }], ["later"]]);
});

test("long messages do not add up to one that is longer than a receiver takes", async () => {
  const { say, sent } = anOutbox();
  const long = "x".repeat(600_000);
  for (const n of [1, 2, 3, 4, 5]) say(`${n}${long}`);
  await nextTurn();
  expect(sent.map((list) => (Array.isArray(list) ? list.map((text) => String(text)[0]) : list))).toEqual([
    ["1", "2"],
    ["3", "4"],
    ["5"],
  ]);
});
