import { expect, test } from "vitest";
import { withAccounts } from "./user-files.ts";

test("a node's users are what it had, with the accounts that its machine has for it now", () => {
  const ofNode = "root:x:0:0\nold-3f09ac:x:5:5\ntool:x:7:7\n";
  const ofMachine = "root:x:0:0\nann:x:1000:1000\nnew-3f09ac:x:6:6\nother-aaaaaa:x:8:8\n";
  expect(withAccounts(ofNode, ofMachine, "-3f09ac")).toBe("root:x:0:0\ntool:x:7:7\nnew-3f09ac:x:6:6\n");
});
