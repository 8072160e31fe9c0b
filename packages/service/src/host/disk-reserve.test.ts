import { expect, test } from "vitest";
import { decideReserve, isDiskFull } from "./disk-reserve.ts";

const bytes = 100;

test("a reserve is given up when next to nothing is left for three looks, and made anew when there is plenty", () => {
  expect(isDiskFull(24, bytes)).toBe(true);
  expect(isDiskFull(25, bytes)).toBe(false);
  expect(decideReserve(24, { bytes, isHeld: true, full: 2 })).toBe("keep");
  expect(decideReserve(24, { bytes, isHeld: true, full: 3 })).toBe("release");
  expect(decideReserve(25, { bytes, isHeld: true, full: 0 })).toBe("keep");
  expect(decideReserve(399, { bytes, isHeld: false, full: 0 })).toBe("keep");
  expect(decideReserve(400, { bytes, isHeld: false, full: 0 })).toBe("make");
});

test("what is given up and what is made leave the disk in neither case where the other would follow", () => {
  const decide = (free: number, isHeld: boolean) =>
    decideReserve(free, { bytes, isHeld, full: isDiskFull(free, bytes) ? 3 : 0 });
  for (let free = 0; free < 1_000; free += 1) {
    if (decide(free, true) === "release") expect(decide(free + bytes, false)).toBe("keep");
    if (decide(free, false) === "make") expect(decide(free - bytes, true)).toBe("keep");
  }
});
