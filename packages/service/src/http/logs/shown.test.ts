import fc from "fast-check";
import { expect, test } from "vitest";
import { Shown } from "./shown.ts";

test("it knows the numbers that were added and not taken away again", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat({ max: 10_000 }), fc.boolean())), (changes) => {
      const [shown, set] = [new Shown(), new Set<number>()];
      for (const [number, isAdded] of changes) {
        if (isAdded) shown.add(number);
        else shown.delete(number);
        if (isAdded) set.add(number);
        else set.delete(number);
      }
      for (const [number] of changes) expect(shown.has(number)).toBe(set.has(number));
    }),
  );
});
