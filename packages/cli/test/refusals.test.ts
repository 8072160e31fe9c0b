import { execFile, execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, copyFile, cp, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startServerProcess } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const program = fileURLToPath(new URL("../bin/kyanite.mjs", import.meta.url));
const flags = ["--http-port", "0", "--https-port", "0", "--log-level", "error"];

let parent: string;
let dataDirectory: string;

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), "kyanite-test-"));
  await chmod(parent, 0o711);
  dataDirectory = join(parent, "data");
  const server = await startServerProcess(["--data-dir", dataDirectory, ...flags]);
  await server.stop();
});
afterAll(() => rm(parent, { recursive: true, force: true }));

/** What a start says that is refused, by a shell that may set limits first. */
function refusedStart(
  directory: string,
  { first = "true", user, more = [] }: { first?: string; user?: number; more?: readonly string[] } = {},
) {
  const command = `${first} && exec "$0" "$@"`;
  const args = ["-c", command, process.execPath, program, "start", "--data-dir", directory, ...flags, ...more];
  const options = { env: { PATH: process.env.PATH, HOME: "/nowhere" }, ...(user ? { uid: user, gid: user } : {}) };
  return new Promise<{ code: unknown; output: string }>((resolve) => {
    execFile("/bin/sh", args, options, (error, stdout, stderr) =>
      resolve({ code: error?.code, output: `${stdout}${stderr}`.trim() }),
    );
  });
}

/** One sentence, with the file and what to do, and nothing that only a programmer understands. */
function expectSentence({ code, output }: { code: unknown; output: string }, ...parts: readonly string[]): void {
  expect(code).toBe(1);
  expect(output).toMatch(/^kyanite: [^\n]+$/);
  expect(output).not.toMatch(/Unexpected end|node:internal|asn1|E[A-Z]{4,}:/);
  for (const part of parts) expect(output).toContain(part);
}

describe("a server does not start, and says why and what to do, when", () => {
  const damages: readonly (readonly [string, string, number, string])[] = [
    ["the certificate of the authority is empty", "certificates/ca.pem", 0, "restore it from a backup, or delete it"],
    ["the certificate of the authority is cut short", "certificates/ca.pem", 100, "restore it from a backup"],
    ["the key of the authority is empty", "certificates/ca.key", 0, "restore it from a backup, or delete it"],
    ["the account's key is empty", "account-key", 0, "delete it"],
    ["the account's key is cut short", "account-key", 5, "delete it"],
    ["the storage's key is empty", "storage/account-key", 0, "restore it from a backup, or delete it"],
    ["the database's password is empty", "postgres-password", 0, "restore it from a backup, or set another"],
    ["the database's password is another", "postgres-password", 5, "restore it from a backup, or set another"],
    ["the version of the database's files is empty", "postgres/data/PG_VERSION", 0, "restore a backup"],
    ["the database's control file is empty", "postgres/data/global/pg_control", 0, "PostgreSQL does not start"],
  ];
  test.each(damages)("%s", async (_name, name, length, remedy) => {
    const file = join(dataDirectory, name);
    await cp(file, `${file}.kept`, { preserveTimestamps: true });
    await truncate(file, length);
    const refused = await refusedStart(dataDirectory);
    await copyFile(`${file}.kept`, file);
    await rm(`${file}.kept`);
    expectSentence(refused, remedy, name.startsWith("postgres/data/global") ? "postgres.log" : file);
  });

  test("the database's password is missing", async () => {
    const file = join(dataDirectory, "postgres-password");
    const password = await readFile(file, "utf8");
    await rm(file);
    const refused = await refusedStart(dataDirectory);
    await writeFile(file, password, { mode: 0o600 });
    expectSentence(refused, file, "restore it from a backup, or set another");
  });

  test("a directory is where its file of endpoints should be", async () => {
    const directory = join(dataDirectory, "endpoints.json");
    await mkdir(directory);
    const refused = await refusedStart(dataDirectory);
    await rm(directory, { recursive: true });
    expectSentence(refused, directory, "remove it");
  });

  test("its data directory is below a file", async () => {
    await writeFile(join(parent, "file"), "");
    expectSentence(await refusedStart(join(parent, "file/data")), join(parent, "file/data"), "--data-dir");
  });

  test.runIf(process.getuid?.() === 0)("its data directory is closed to it", async () => {
    const closed = join(parent, "closed");
    await mkdir(closed, { mode: 0o700 });
    expectSentence(await refusedStart(join(closed, "data"), { user: 65_534 }), closed, "may not use", "--data-dir");
  });

  test("it may open too few files", async () => {
    expectSentence(await refusedStart(join(parent, "unused"), { first: "ulimit -n 400" }), "400 files", "ulimit -n");
  });

  test("its port is another's, before it starts a database", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" ? `${address?.port}` : "";
    const directory = join(parent, "unused");
    expectSentence(await refusedStart(directory, { more: ["--https-port", port] }), port, "--https-port");
    expect(existsSync(join(directory, "postgres"))).toBe(false);
    other.close();
  });

  test("a file of settings is damaged", async () => {
    const file = join(parent, "kyanite.yaml");
    await writeFile(file, "http-port: [1");
    const { code, output } = await refusedStart(join(parent, "unused"), { first: `cd ${parent}` });
    expect({ code, output }).toMatchObject({ code: 1, output: expect.stringContaining(file) });
  });

  const canMount = process.getuid?.() === 0 && hasMounts();
  test.runIf(canMount)("no space is left", async () => {
    const full = join(parent, "full");
    await mkdir(full);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=20m,mode=711", "none", full]);
    try {
      expectSentence(await refusedStart(join(full, "data")), join(full, "data"), "space", "--data-dir");
    } finally {
      execFileSync("umount", [full]);
    }
  });

  test("and starts again when all is mended", async () => {
    const server = await startServerProcess(["--data-dir", dataDirectory, ...flags]);
    expect(await server.stop()).toBe(0);
  });
});

function hasMounts(): boolean {
  try {
    execFileSync("unshare", ["-m", "mount", "-t", "tmpfs", "none", "/mnt"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
