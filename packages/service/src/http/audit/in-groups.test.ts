import { expect, test } from "vitest";
import { inGroups } from "./in-groups.ts";

/** Writes that end when they are told to. */
function heldUp() {
  const groups: { items: readonly number[]; end: () => void; fail: () => void }[] = [];
  const write = (items: readonly number[]) =>
    new Promise<void>((resolve, reject) => {
      groups.push({ items, end: resolve, fail: () => reject(new Error("away")) });
    });
  return { groups, write };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("what comes while a write is under way is written with the next, in order and no more than may be", async () => {
  const { groups, write } = heldUp();
  const add = inGroups(write, { most: 3 });
  const written = [add(1)];
  await settled();
  written.push(...[2, 3, 4, 5, 6].map(add));
  await settled();
  expect(groups.map(({ items }) => items)).toEqual([[1]]);
  groups[0]?.end();
  await settled();
  groups[1]?.end();
  await settled();
  groups[2]?.end();
  await Promise.all(written);
  expect(groups.map(({ items }) => items)).toEqual([[1], [2, 3, 4], [5, 6]]);
});

test("a write that fails fails for those of its group only", async () => {
  const { groups, write } = heldUp();
  const add = inGroups(write, { most: 10 });
  const first = add(1);
  await settled();
  const second = add(2);
  groups[0]?.fail();
  await expect(first).rejects.toThrow("away");
  await settled();
  groups[1]?.end();
  await second;
});
