import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { linuxName } from "../src/accounts.ts";
import { findTool } from "../src/tool.ts";
import { withSudo } from "../src/walls/sudo.ts";
import { aRun, startNode, type TestNode } from "./fake-service.ts";

const isRoot = process.getuid?.() === 0 && process.platform === "linux";
const isOurs = isRoot && findTool("sudo") === undefined;
if (!isOurs) console.warn("the sudo of nodes is not tested: that takes root, and a machine without sudo");

const admin = { kind: "auto", scope: "pool", elevationLevel: "admin" } as const;
const chief = { kind: "named", name: "chief" } as const;
const plain = { kind: "named", name: "plain" } as const;

let node: TestNode;

async function run(commandLine: string, user = aRun().user) {
  const { directory } = aRun();
  const exit = await node.service.exit({ directory, commandLine, user });
  const read = (name: string) => readFile(join(node.root, directory, name), "utf8");
  return {
    exitCode: exit.kind === "exited" ? exit.exitCode : exit,
    stdout: await read("stdout.txt"),
    stderr: await read("stderr.txt"),
  };
}

const dash = (script: string, user = aRun().user) => run(`/bin/sh -c "${script.replace(/["\\]/g, "\\$&")}"`, user);

describe.skipIf(!isOurs)("on a node as root", () => {
  beforeAll(async () => {
    node = await startNode({ users: "auto", isOpen: true });
    await node.service.setUp([
      { name: "chief", isAdmin: true },
      { name: "plain", isAdmin: false },
    ]);
  });
  afterAll(() => node[Symbol.asyncDispose]());

  test.each([
    ["sudo id -un", "root\n"],
    ["sudo -n -E -H id -un", "root\n"],
    ["sudo -nEH -- id -un", "root\n"],
    ["sudo -u root id -un", "root\n"],
    ["sudo -uroot id -un", "root\n"],
    ["sudo --user root id -un", "root\n"],
    ["sudo --user=root --non-interactive id -un", "root\n"],
    ["sudo -u nobody id -un", "nobody\n"],
    ["sudo -nu '#65534' id -un", "nobody\n"],
    ["sudo A=1 B='b c' sh -c 'echo $A $B'", "1 b c\n"],
    ["sudo A=1 -E B=2 printenv A B", "1\n2\n"],
    ["sudo printf '%s|' 'a  b' '*' '$x' A=1", "a  b|*|$x|A=1|"],
    ["cd /; sudo -i pwd", "/root\n"],
    ["cd /; sudo -s pwd", "/\n"],
    ["echo id -un | sudo -s", "root\n"],
    ["echo pwd | sudo -i", "/root\n"],
    ["sudo sh -c 'echo $HOME $USER $SUDO_COMMAND'", "/root root sh -c echo $HOME $USER $SUDO_COMMAND\n"],
    ["sudo HOME=/x printenv HOME", "/x\n"],
    ["HOME=/y sudo -E printenv HOME", "/y\n"],
    ["sudo -v && sudo -k && echo yes", "yes\n"],
    ["sudo sh -c 'exit 7' || echo $?", "7\n"],
  ])("%s says %j, to whom has administrator's rights by its task or its account", async (script, stdout) => {
    for (const user of [admin, chief])
      expect(await dash(script, user)).toMatchObject({ exitCode: 0, stdout, stderr: "" });
  });

  test("a command line may begin with it", async () => {
    expect((await run("sudo id -un", admin)).stdout).toBe("root\n");
  });

  test("who asks is told to the command", async () => {
    const { stdout } = await dash("sudo printenv SUDO_USER", chief);
    expect(stdout).toBe(`${linuxName("tvm-1", "chief")}\n`);
  });

  test.each([
    ["sudo -l", "the option -l is not known on this node"],
    ["sudo -g staff id", "the option -g is not known on this node"],
    ["sudo --edit x", "the option --edit is not known on this node"],
    ["sudo -u", "the option -u needs a value"],
    ["sudo -u no-such-user id", "there is no user no-such-user on this node"],
    ["sudo", "no command is given"],
  ])("%s is refused with a reason", async (script, reason) => {
    expect(await dash(script, admin)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(reason) });
  });

  test("it gives no rights to a task or an account that has none", async () => {
    for (const user of [aRun().user, plain]) {
      const { exitCode, stderr } = await dash("sudo id", user);
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("no administrator") });
      expect(await dash("/usr/lib/kyanite-sudo/*/setpriv --reuid 0 id", user)).not.toMatchObject({ exitCode: 0 });
      expect(await dash("ls /usr/lib/kyanite-sudo/*", user)).not.toMatchObject({ exitCode: 0 });
    }
    expect(existsSync("/usr/bin/sudo") || existsSync("/usr/lib/kyanite-sudo")).toBe(false);
  });

  test("an account that is no administrator any more has no rights by it", async () => {
    await node.service.setUp([{ name: "chief", isAdmin: false }]);
    expect(await dash("sudo id", chief)).toMatchObject({ exitCode: 1 });
  });
});

test.skipIf(!isOurs)(
  "where nodes have no walls it is at the end of the PATH, and the machine is as before",
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "kyanite-test-"));
    try {
      await chmod(directory, 0o755);
      const PATH = await withSudo("/usr/bin:/bin", directory);
      const ask = (ids = {}) => spawnSync("sudo", ["-n", "id", "-un"], { env: { PATH }, encoding: "utf8", ...ids });
      expect(ask()).toMatchObject({ status: 0, stdout: "root\n" });
      expect(ask({ uid: 65_534, gid: 65_534 })).toMatchObject({ status: 1, stdout: "" });
      expect(existsSync("/usr/bin/sudo")).toBe(false);
      expect(await withSudo(PATH, directory)).toBe(PATH);
    } finally {
      await rm(directory, { recursive: true });
    }
  },
);
