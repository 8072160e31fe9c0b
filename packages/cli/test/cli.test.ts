import { execFile, spawnSync } from "node:child_process";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const program = fileURLToPath(new URL("../bin/kyanite.mjs", import.meta.url));

function kyanite(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { env: { HOME: "/nowhere" } }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr }),
    );
  });
}

test("version prints the version alone", async () => {
  const manifest = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
  expect(await kyanite("version")).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: "" });
});

test("env says what to do when no server runs", async () => {
  const directory = await mkdtemp(join(tmpdir(), "kyanite-test-"));
  try {
    const { code, stdout, stderr } = await kyanite("env", "--data-dir", directory);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(`no server is running in ${directory}: start one with "kyanite start"`);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("a clone that is not built says so, and how to build it", async () => {
  const clone = await mkdtemp(join(tmpdir(), "kyanite-test-"));
  try {
    await cp(program, join(clone, "bin/kyanite.mjs"), { recursive: true });
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(clone, "bin/kyanite.mjs"), "env"], {
      encoding: "utf8",
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/^kyanite: this clone is not built yet: npm start .*\n$/);
  } finally {
    await rm(clone, { recursive: true });
  }
});

test("env explains the flags that find a server, and no others", async () => {
  const { code, stdout } = await kyanite("env", "--help");
  expect(code).toBe(0);
  expect(stdout.match(/^ {2}--[a-z-]+/gm)).toEqual(["  --shell", "  --json", "  --data-dir", "  --config"]);
});

test("start refuses wrong flags, all of them at once", async () => {
  const { code, stderr } = await kyanite("start", "--http-port", "x", "--colour=red");
  expect(code).toBe(1);
  expect(stderr).toContain('--http-port: "x" is not a whole number');
  expect(stderr).toContain("--colour: there is no such flag");
});

test("start explains its flags", async () => {
  const { code, stdout } = await kyanite("start", "--help");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ {2}--https-port PORT +port for HTTPS; 0 chooses a free one \(default: 10443\)$/m);
});
