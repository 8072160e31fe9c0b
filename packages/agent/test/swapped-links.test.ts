import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { aRun, shell, startNode, type TestNode } from "./fake-service.ts";

/** How often the agent is tempted; `KYANITE_STRESS_TRIES=10000` for more. */
const tries = Number(process.env.KYANITE_STRESS_TRIES ?? 400);

const isPossible = process.getuid?.() === 0 && process.platform === "linux" && hasPython();
if (!isPossible) console.warn("swapped links are not tested: that takes Linux, root and python3");

function hasPython(): boolean {
  try {
    execFileSync("python3", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Exchanges each name with the link of the same name and `.link`, which leads out, as fast as it can. */
const swapper = `
import ctypes, os, sys
call = ctypes.CDLL(None, use_errno=True).syscall
number = {"x86_64": 316, "aarch64": 276}[os.uname().machine]
os.chdir(sys.argv[1])
pairs = [name.encode() for name in sys.argv[2:]]
while True:
    for name in pairs:
        call(number, -100, name, -100, name + b".link", 2)
`;

let node: TestNode;
let child: ChildProcess;
const directory = "workitems/j/job-1/t";
const seen: string[] = [];

beforeAll(async () => {
  if (!isPossible) return;
  node = await startNode({ users: "auto", isOpen: true });
  mkdirSync(join(node.directory, "outside/inner/tree/deep"), { recursive: true });
  for (const path of ["outside/file", "outside/inner/file", "outside/inner/tree/deep/file"])
    writeFileSync(join(node.directory, path), "secret", { mode: 0o600 });
  chmodSync(join(node.directory, "outside"), 0o700);
  node.service.routes.set("/f", (_, response) => response.end("staged"));
  node.service.routes.set("/out/", (request, response) => {
    request.on("data", (chunk) => seen.push(String(chunk))).on("end", () => response.writeHead(201).end());
  });
}, 60_000);
afterAll(async () => {
  child?.kill("SIGKILL");
  await node?.[Symbol.asyncDispose]();
});

/** What is outside, with all that an action of the agent could change. */
const outside = () =>
  ["", "file", "inner", "inner/file", "inner/tree", "inner/tree/deep", "inner/tree/deep/file"].map((path) => {
    const full = join(node.directory, "outside", path);
    const { mode, uid, gid, size, nlink, mtimeMs, ctimeMs } = statSync(full);
    return { path, mode, uid, gid, size, nlink, mtimeMs, ctimeMs, text: size === 6 ? readFileSync(full, "utf8") : "" };
  });

/** Directories and files, and links beside them; what the agent has removed is made again. */
const script = (target: string) =>
  shell(
    `mkdir -p tree/deep sub .keep; echo own > tree/deep/file; echo own > tree/file; echo own > sub/file; echo own > file; for n in tree sub; do ln -sfn ${target}/inner $n.link 2>/dev/null; done; for n in file ../stdout.txt ../fileuploadout.txt; do ln -sfn ${target}/file $n.link 2>/dev/null; done; ln -sfn ${target}/inner ../wd.link; true`,
  );

async function run(isFirst: boolean) {
  const target = join(node.directory, "outside");
  return node.service.exit({
    ...aRun(),
    directory,
    keepsDirectory: !isFirst,
    commandLine: script(target),
    downloads: isFirst
      ? []
      : ["sub/new/f", "f", "tree/f"].map((filePath) => ({ kind: "url", url: `${node.service.url}/f`, filePath })),
    uploads: [
      { filePattern: "**", containerUrl: `${node.service.url}/out`, uploadCondition: "taskcompletion" },
      { filePattern: "../wd/sub/*", containerUrl: `${node.service.url}/out`, uploadCondition: "taskcompletion" },
    ],
  });
}

async function tempt(count: number): Promise<string> {
  const path = (name: string) => `${directory}/wd/${name}`;
  const { service } = node;
  if (count % 40 === 0) return (await run(false)).kind;
  if (count % 400 === 399) {
    service.order({ type: "removeDirectory", directory: `${directory}/wd/tree` });
    return "removed";
  }
  const asked = [
    () => service.files({ operation: "read", path: path("file") }),
    () => service.files({ operation: "read", path: path("sub/file") }),
    () => service.files({ operation: "list", path: directory, recursive: true }),
    () => service.files({ operation: "delete", path: path("tree/deep"), recursive: true }),
    () => service.files({ operation: "read", path: path("tree/deep/file") }),
    () => service.files({ operation: "delete", path: path("tree"), recursive: true }),
    () => service.files({ operation: "read", path: `${directory}/stdout.txt` }),
  ];
  const { answer, body } = (await (asked[count % asked.length] ?? asked[0])?.()) ?? {
    answer: { outcome: "none" },
    body: "",
  };
  seen.push(body.toString());
  return "code" in answer ? answer.code : answer.outcome;
}

test.skipIf(!isPossible)(
  "a task that swaps its files and directories for links gets nothing outside read, changed or removed",
  async () => {
    expect(await run(true)).toMatchObject({ exitCode: 0 });
    const { uid, gid } = lstatSync(join(node.root, directory));
    const before = outside();
    const names = ["wd/file", "wd/sub", "wd/tree", "wd", "stdout.txt", "fileuploadout.txt"];
    child = spawn("python3", ["-c", swapper, join(node.root, directory), ...names], { uid, gid, stdio: "inherit" });
    const outcomes: Record<string, number> = {};
    for (let count = 1; count <= tries; count += 1) {
      const outcome = await tempt(count);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      expect(seen.splice(0).join("")).not.toContain("secret");
    }
    console.info("swapped links", { tries, outcomes });
    expect(outside()).toEqual(before);
    expect(outcomes.ok).toBeGreaterThan(0);
  },
  900_000,
);
