import { expect, test } from "vitest";
import { taskTokens } from "./task-tokens.ts";

const tokens = taskTokens(new Uint8Array(32).fill(1));
const holder = { jobPk: 12, taskPk: 345 };

test("a token names the task it was made for", () => {
  expect(tokens.read(tokens.sign(holder))).toEqual(holder);
});

test("a token of another database, for another task or cut short is none", () => {
  const token = tokens.sign(holder);
  const others = [
    taskTokens(new Uint8Array(32).fill(2)).sign(holder),
    token.replace(".345.", ".346."),
    token.slice(0, -1),
    `${token}A`,
    "",
  ];
  expect(others.map((other) => tokens.read(other))).toEqual(others.map(() => undefined));
});
