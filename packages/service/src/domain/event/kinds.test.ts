import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { unknownKind } from "./kinds.ts";

test("a kind of which there is no event is named, with those that are like it", () => {
  expect(unknownKind(["task.running", "Task.Compleeted"])).toBe(
    "There are no events of kind Task.Compleeted, but of task.created, task.active, task.preparing, task.running, task.completed, task.deleted",
  );
  expect(unknownKind(["taskfailed"])).toContain("TaskFailEvent");
  expect(unknownKind(["tasks.*"])).toContain("tasks.*");
});

test("no kind, kinds in any case, beginnings of them and all of them are fine", () => {
  for (const kinds of [undefined, ["TASK.completed"], ["pool.allocation.*", "node.*"], ["*"], ["taskfailevent"]])
    expect(unknownKind(kinds)).toBeUndefined();
});

test("the kinds that are documented are known", () => {
  const guide = readFileSync(new URL("../../../../../docs/events.md", import.meta.url), "utf8");
  const table = guide.slice(guide.indexOf("## Kinds"));
  const kinds = [...table.matchAll(/`([A-Za-z]+\.[a-z.]*[a-z]|[A-Z]\w+Event)`/g)].map(([, kind = ""]) => kind);
  expect(kinds.length).toBeGreaterThan(30);
  for (const kind of kinds) expect(unknownKind([kind])).toBeUndefined();
});
