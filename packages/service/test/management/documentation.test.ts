import { readFile } from "node:fs/promises";
import { managementOperations } from "@kyanite/contract";
import { expect, test } from "vitest";

test("every operation of the management plane has its row in the documentation, and no other has", async () => {
  const text = await readFile(new URL("../../../../docs/compatibility.md", import.meta.url), "utf8");
  const start = text.indexOf("\n## Management plane\n");
  const section = text.slice(start, text.indexOf("\n## ", start + 1));
  const documented = [...section.matchAll(/^\| `(\w+_\w+)` \| [A-Z]+ \|/gm)].map(([, operation]) => operation);
  expect(documented.toSorted()).toEqual(Object.keys(managementOperations).toSorted());
});
