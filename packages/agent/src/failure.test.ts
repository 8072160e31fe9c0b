import { expect, test } from "vitest";
import { failureOf, userFailure } from "./failure.ts";

test.each(["x", "é", "😀"])("a failure repeats some kilobytes of what users gave at most, of %s too", (character) => {
  const text = character.repeat(1024 * 1024);
  const failures = [userFailure("Code", text, { Message: text }).failure, failureOf(new Error(text))];
  for (const failure of failures) {
    expect(Buffer.byteLength(JSON.stringify(failure))).toBeLessThan(10_000);
    expect(failure.details?.[0]?.value).toMatch(new RegExp(`^(${character})+…$`));
  }
});

test("a failure repeats what is short as it is", () => {
  expect(userFailure("Code", "message", { Message: "x\uFFFD" }).failure).toEqual({
    category: "UserError",
    code: "Code",
    message: "message",
    details: [{ name: "Message", value: "x\uFFFD" }],
  });
});
