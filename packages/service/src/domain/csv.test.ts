import { expect, test } from "vitest";
import { csvLine } from "./csv.ts";

test("cells are quoted where they must be, numbers and absent ones are as they are", () => {
  expect(csvLine(["plain", 'a "quoted", one', "two\nlines", 5, null, undefined])).toBe(
    'plain,"a ""quoted"", one","two\nlines",5,,\r\n',
  );
});

test("a text that a spreadsheet would compute is a text", () => {
  expect(csvLine(["=cmd|' /C calc'!A0", "+1", "-1", "@a", -1])).toBe("'=cmd|' /C calc'!A0,'+1,'-1,'@a,-1\r\n");
});
