import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const directory = import.meta.dirname;

/** Their specifiers are types only, or the whole import is. */
const importsValues = (text: string) =>
  [...text.matchAll(/^import (?!type )\{([^}]*)\} from "@kyanite\/contract";$/gm)].some(([, names = ""]) =>
    names.split(",").some((name) => name.trim() !== "" && !name.trim().startsWith("type ")),
  );

test("no part of the agent loads the contract's schemas, which would be a third of its memory", () => {
  const files = readdirSync(directory, { recursive: true, encoding: "utf8" });
  const sources = files.filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
  expect(sources.length).toBeGreaterThan(50);
  expect(sources.filter((file) => importsValues(readFileSync(join(directory, file), "utf8")))).toEqual([]);
});
