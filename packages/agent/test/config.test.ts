import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../src/index.ts";

let directory: string;
let token: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-test-"));
  token = join(directory, "token");
  await writeFile(token, "secret-token\n", { mode: 0o600 });
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const good = () => ({
  KYANITE_AGENT_SERVICE_URL: "http://127.0.0.1:10080/",
  KYANITE_AGENT_NODE_ID: "tvm-1",
  KYANITE_AGENT_TOKEN_FILE: token,
  KYANITE_AGENT_ROOT: "/data/tasks/",
});

test("settings come from the environment, the token from its file", async () => {
  expect(await readConfig({ ...good(), PATH: "/bin", LANG: "de_DE.UTF-8" })).toEqual({
    serviceUrl: "http://127.0.0.1:10080",
    nodeId: "tvm-1",
    token: "secret-token",
    root: "/data/tasks",
    logLevel: "info",
    logFile: undefined,
    sshPort: 22,
    users: "auto",
    killGraceSeconds: 5,
    reservedDiskBytes: 1_000_000,
    commandPath: "/bin",
    commandLanguage: "de_DE.UTF-8",
  });
});

test("every problem is reported at once", async () => {
  const wrong = {
    KYANITE_AGENT_SERVICE_URL: "ftp://x",
    KYANITE_AGENT_TOKEN_FILE: join(directory, "none"),
    KYANITE_AGENT_ROOT: "relative",
    KYANITE_AGENT_USERS: "perhaps",
    KYANITE_AGENT_KILL_GRACE_SECONDS: "31",
  };
  const error = await readConfig(wrong).catch((cause: unknown) => String(cause));
  for (const name of ["SERVICE_URL", "NODE_ID: is missing", "TOKEN_FILE", "ROOT", "USERS", "KILL_GRACE_SECONDS"]) {
    expect(error).toContain(`KYANITE_AGENT_${name}`);
  }
});

test("a token that others may read, or that is empty, is refused", async () => {
  await chmod(token, 0o644);
  await expect(readConfig(good())).rejects.toThrow("0600");
  await chmod(token, 0o600);
  await writeFile(token, "");
  await expect(readConfig(good())).rejects.toThrow("holds no token");
});
