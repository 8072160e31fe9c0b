import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { pathWithin } from "./path-within.ts";

const root = mkdtempSync(join(tmpdir(), "kyanite-within-"));
mkdirSync(join(root, "usr/bin"), { recursive: true });
writeFileSync(join(root, "usr/bin/tool"), "");
symlinkSync("usr/bin", join(root, "bin"));
symlinkSync("/usr/bin/tool", join(root, "usr/bin/absolute"));
symlinkSync("../../../../../usr/bin/tool", join(root, "usr/bin/above"));
symlinkSync("round", join(root, "round"));
symlinkSync("/etc/passwd", join(root, "out"));
afterAll(() => rmSync(root, { recursive: true }));

test.each(["/usr/bin/tool", "/bin/tool", "/bin/absolute", "/usr/bin/above", "/usr/../bin/./tool"])(
  "%s leads to the program, whatever links are on the way",
  (path) => expect(pathWithin(root, path)).toBe(join(root, "usr/bin/tool")),
);

test.each(["/round", "/out", "/nothing", "/usr/bin/tool/more"])("%s leads to nothing", (path) =>
  expect(pathWithin(root, path)).toBeUndefined(),
);
