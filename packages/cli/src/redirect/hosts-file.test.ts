import { expect, test } from "vitest";
import { withNames, withoutNames } from "./hosts-file.ts";

const names = ["a.example", "b.example"];

test.each(["", "127.0.0.1 localhost\n", "127.0.0.1 localhost", "127.0.0.1 localhost\n\n\n"])(
  "names come into %j and leave it again",
  (text) => {
    const changed = withNames(text, names);
    expect(changed).toMatch(/^127\.0\.0\.1 a\.example\n127\.0\.0\.1 b\.example\n# Kyanite/m);
    expect(withoutNames(changed)).toBe(text);
  },
);

test("names replace earlier ones", () => {
  const once = withNames("127.0.0.1 localhost\n", ["old.example"]);
  expect(withNames(once, names)).toBe(withNames("127.0.0.1 localhost\n", names));
});

test("what somebody has added meanwhile stays", () => {
  for (const text of ["127.0.0.1 localhost\n", "127.0.0.1 localhost"])
    expect(withoutNames(`${withNames(text, names)}10.0.0.1 other\n`)).toBe("127.0.0.1 localhost\n10.0.0.1 other\n");
  expect(withoutNames("127.0.0.1 localhost\n")).toBe("127.0.0.1 localhost\n");
});
