import fc from "fast-check";
import { expect, test } from "vitest";
import { nameOfText, textOfName } from "./entry-names.ts";

const bytes = fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array));
const text = fc.string({ unit: "binary" }).map((each) => Buffer.from(each));
const standIns = fc
  .array(fc.constantFrom("\uef80", "\uefff", "\uef7f", "a", "é"))
  .map((all) => Buffer.from(all.join("")));

test("a name comes back from its text, whatever its bytes", () => {
  fc.assert(
    fc.property(fc.oneof(bytes, text, standIns), (name) => {
      expect(nameOfText(textOfName(name))).toEqual(name);
    }),
  );
});

test("a name in UTF-8 is its own text, and what is none is written with stand-ins", () => {
  expect(textOfName(Buffer.from("a é \u{1f600}"))).toBe("a é \u{1f600}");
  expect(textOfName(Buffer.from("a\xe9b", "latin1"))).toBe("a\uefe9b");
  expect(textOfName(Buffer.from("\uefe9"))).toBe("\uefee\uefbf\uefa9");
});
