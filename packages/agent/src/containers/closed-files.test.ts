import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { closedBelow } from "./closed-files.ts";

test("what not everybody may read is found, the topmost of each, and no link is followed", () => {
  const home = mkdtempSync(join(tmpdir(), "kyanite-closed-"));
  try {
    for (const [name, mode] of [
      ["", 0o755],
      ["open", 0o755],
      ["private", 0o700],
      ["listed", 0o754],
    ] as const) {
      mkdirSync(join(home, name), { recursive: true });
      chmodSync(join(home, name), mode);
    }
    for (const [name, mode] of [
      ["open/cert", 0o644],
      ["open/key", 0o640],
      ["private/key", 0o644],
    ] as const) {
      writeFileSync(join(home, name), "");
      chmodSync(join(home, name), mode);
    }
    symlinkSync("../private", join(home, "open/link"));
    expect([...(closedBelow(home) ?? [])].sort((a, b) => a.path.localeCompare(b.path))).toEqual([
      { path: join(home, "listed"), isDirectory: true },
      { path: join(home, "open/key"), isDirectory: false },
      { path: join(home, "private"), isDirectory: true },
    ]);
    expect(closedBelow(join(home, "open/cert"))).toEqual([]);
    for (const place of ["private", "private/key", "open/key", "open/link"])
      expect(closedBelow(join(home, place)), place).toBeUndefined();
  } finally {
    rmSync(home, { recursive: true });
  }
});
