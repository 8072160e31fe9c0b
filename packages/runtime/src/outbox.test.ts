import { expect, test } from "vitest";
import { openOutbox } from "./outbox.ts";

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

function anOutbox() {
  const sent: unknown[] = [];
  return { say: openOutbox<unknown>("orders", (text) => sent.push(JSON.parse(text))), sent };
}

test("what is said in one turn is sent as one list, in order, by nodes", async () => {
  const { say, sent } = anOutbox();
  say("a", { n: 1 });
  say("b", { n: 3 });
  await Promise.resolve();
  say("a", { n: 2 });
  expect(sent).toEqual([]);
  await nextTurn();
  say("b", "later");
  await nextTurn();
  expect(sent).toEqual([
    [
      { nodeId: "a", orders: [{ n: 1 }, { n: 2 }] },
      { nodeId: "b", orders: [{ n: 3 }] },
    ],
    [{ nodeId: "b", orders: ["later"] }],
  ]);
});

test("long messages do not add up to one that is longer than a receiver takes", async () => {
  const { say, sent } = anOutbox();
  const long = "x".repeat(600_000);
  for (const n of [1, 2, 3, 4, 5]) say("a", `${n}${long}`);
  await nextTurn();
  expect(sent.map((list) => (Array.isArray(list) ? list[0].orders.map((text: string) => text[0]) : list))).toEqual([
    ["1", "2"],
    ["3", "4"],
    ["5"],
  ]);
});
