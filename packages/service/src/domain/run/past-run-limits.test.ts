import { expect, test } from "vitest";
import { excessesOf } from "./past-run-limits.ts";

const sizes = (...all: readonly number[]) => all.map((bytes, accountPk) => ({ accountPk, bytes }));

test("while all accounts together have room, none gives up anything", () => {
  expect(excessesOf(sizes(), 10)).toEqual([]);
  expect(excessesOf(sizes(3, 7), 10)).toEqual([]);
});

test("an account that has more than the others gives up first", () => {
  expect(excessesOf(sizes(2, 20), 10)).toEqual([{ accountPk: 1, bytes: 12 }]);
  expect(excessesOf(sizes(1, 8, 9), 11)).toEqual([
    { accountPk: 1, bytes: 3 },
    { accountPk: 2, bytes: 4 },
  ]);
});

test("after that no more is left than there is room for", () => {
  for (let count = 1; count < 200; count++) {
    const amounts = Array.from({ length: (count % 7) + 1 }, (_, index) => (count * 37 * (index + 1)) % 101);
    const excess = excessesOf(sizes(...amounts), 50).reduce((total, { bytes }) => total + bytes, 0);
    expect(amounts.reduce((total, amount) => total + amount, 0) - excess).toBeLessThanOrEqual(Math.max(50, 0));
  }
});
