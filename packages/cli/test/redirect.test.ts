import { execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type ServerProcess, startServerProcess } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const run = promisify(execFile);
const program = fileURLToPath(new URL("../bin/kyanite.mjs", import.meta.url));
const fixedHosts = fileURLToPath(new URL("fixed-hosts.mjs", import.meta.url));
const storageClient = fileURLToPath(new URL("storage_client.py", import.meta.url));
const python = spawnSync("/usr/bin/python3", ["-c", "import azure.identity, azure.storage.blob"]).status === 0;
const names = ["--http-port", "0", "--https-port", "0", "--account", "mybatch", "--storage-account", "mystore"];

const spaces = [
  "--mount",
  "--net",
  ...(process.getuid?.() === 0 ? [] : ["--user", "--map-current-user", "--keep-caps"]),
];
const hasSpaces = spawnSync("unshare", [...spaces, "ip", "link", "set", "lo", "up"]).status === 0;
if (!hasSpaces) console.warn("redirects of a command are not tested: this machine has no namespaces for us");

const printedBy = (text: string, name: string) => new RegExp(`^${name}=(.+)$`, "m").exec(text)?.[1] ?? "";

describe.skipIf(!hasSpaces)("redirect exec", () => {
  let directory: string;
  let server: ServerProcess;
  let environment: Record<string, string>;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "kyanite-redirect-test-"));
    await chmod(directory, 0o711);
    server = await startServerProcess(["--data-dir", join(directory, "data"), ...names]);
    const { stdout } = await run(process.execPath, [
      program,
      "identity",
      "add",
      "ci",
      "--data-dir",
      `${directory}/data`,
    ]);
    environment = {
      ...(process.env.PATH === undefined ? {} : { PATH: process.env.PATH }),
      CLIENT_ID: printedBy(stdout, "AZURE_CLIENT_ID"),
      CLIENT_SECRET: printedBy(stdout, "AZURE_CLIENT_SECRET"),
      STORAGE_KEY: /AccountKey=([^;]+)/.exec(server.endpoints.storageConnectionString)?.[1] ?? "",
    };
  });
  afterAll(async () => {
    await server?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const redirected = (...command: string[]) =>
    run(process.execPath, [program, "redirect", "exec", "--data-dir", join(directory, "data"), "--", ...command], {
      env: environment,
    });

  test("a program with fixed hosts signs in, manages, and finds its accounts here", async () => {
    const { stdout } = await redirected(process.execPath, fixedHosts);
    expect(JSON.parse(stdout)).toEqual({
      pools: [200, [], expect.stringContaining("https://mybatch.westeurope.batch.azure.com/$metadata")],
      subscriptions: 200,
      blob: "text",
      blobByToken: "text",
      queue: [501, expect.stringContaining("has blobs only")],
      other: "not reached",
    });
  });

  test.skipIf(!python)("a program in Python signs in to the storage account, too", async () => {
    environment.AZURE_TENANT_ID = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    environment.AZURE_CLIENT_ID = environment.CLIENT_ID ?? "";
    environment.AZURE_CLIENT_SECRET = environment.CLIENT_SECRET ?? "";
    const url = "https://mystore.blob.core.windows.net";
    const { stdout } = await redirected("/usr/bin/python3", storageClient, "mystore", url, "python");
    const outcomes = { create: 201, write: 201, share: 201, read: "shared", list: ["a.txt", "shared.txt"] };
    expect(JSON.parse(stdout)).toEqual({ ...outcomes, signed: "shared", batch: [202] });
  });

  test("the addresses that the server gives are good inside, and nothing of it is seen outside", async () => {
    const hosts = await readFile("/etc/hosts", "utf8");
    const { port } = new URL(server.endpoints.blobHttpsEndpoint);
    const blobs = `fetch("https://mystore.blob.localhost:${port}/?comp=list").then((r) => console.log(r.status))`;
    const batch = `fetch("${server.endpoints.batchUrl}/livez").then(async (r) => console.log(await r.text()))`;
    const ask = `${blobs}.then(() => ${batch})`;
    const { stdout } = await redirected("sh", "-c", `cat /etc/hosts; ${process.execPath} -e '${ask}'; pwd`);
    expect(stdout).toContain("127.0.0.1 login.microsoftonline.com\n");
    expect(stdout).toContain(`# Kyanite redirect: end.\n403\nok\n\n${process.cwd()}\n`);
    expect(await readFile("/etc/hosts", "utf8")).toBe(hosts);
  });

  test("options of the command are its own, and so is its exit code", async () => {
    const failed = await redirected("sh", "-c", 'echo "$@"; exit 7', "sh", "--accounts", "x", "--", "y").catch(
      (error: unknown) => error,
    );
    expect(failed).toMatchObject({ code: 7, stdout: "--accounts x -- y\n" });
    expect(await redirected().catch((error: unknown) => error)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("say what to run"),
    });
  });
});

/** Where everything that is changed is a copy: the machine is shared with whoever runs these tests. */
const onCopies = `
set -eu
data=$1 program=$2 node=$3
ip link set lo up
mount -n -t tmpfs copies "$data"
for directory in etc usr/local/share var/lib; do
  mkdir -p "$data/$directory/upper" "$data/$directory/work"
  mount -n -t overlay -o "lowerdir=/$directory,upperdir=$data/$directory/upper,workdir=$data/$directory/work" copy "/$directory"
done
kyanite() { "$node" "$program" "$@"; }
trap 'kill $server; wait' EXIT
start() {
  "$node" "$program" start --data-dir "$data/data" --http-port 0 --https-port 0 --account mybatch --storage-account mystore >"$data/log" 2>&1 &
  server=$!
  while [ ! -e "$data/data/endpoints.json" ]; do kill -0 $server; sleep 0.1; done
}
machine() {
  cat /etc/hosts
  find /etc/ssl /etc/pki /usr/local/share/ca-certificates 2>/dev/null | sort
  find /etc/ssl /etc/pki -type f -exec cksum {} + 2>/dev/null | sort
}
ask() { "$node" --use-openssl-ca -e 'fetch("https://mybatch.eastus.batch.azure.com/pools").then((r) => console.log("answer", r.status), () => console.log("answer none"))'; }
compare() { machine >"$data/now"; diff "$data/before" "$data/now" && echo "as before"; }
start
# What the program would change on this machine by itself.
update-ca-certificates >"$data/said" 2>&1
machine >"$data/before"
kyanite redirect on --data-dir "$data/data" | grep -c 'mybatch.*batch.azure.com$' >"$data/count"
kyanite redirect status
ask
kyanite redirect on --data-dir "$data/data" || echo refused
kyanite redirect off
compare
kyanite redirect on --data-dir "$data/data" >"$data/said"
kill -9 "$(sed 's/.*"pid":\\([0-9]*\\).*/\\1/' /var/lib/kyanite-redirect/redirect.json)"
kyanite redirect status
kill $server
wait $server || true
start
kyanite redirect status
compare
`;

const canChange =
  process.getuid?.() === 0 &&
  hasSpaces &&
  existsSync("/usr/local/share") &&
  spawnSync("update-ca-certificates", ["-h"]).error === undefined;
if (!canChange)
  console.warn("redirects of a machine are not tested: that takes root, and Debian's update-ca-certificates");

test.skipIf(!canChange)(
  "on, off and a crash leave the machine as it was, and while it is on programs find the server",
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "kyanite-redirect-test-"));
    try {
      const inside = ["sh", "-c", onCopies, "sh", directory, program, process.execPath];
      const { stdout } = await run("unshare", ["--mount", "--net", "--", ...inside]);
      const left =
        'left by a process that was killed: "kyanite redirect off", or the next start of a server as root, takes it back';
      expect(stdout.trim().split("\n")).toEqual([
        "on",
        "answer 400",
        "refused",
        "The machine is as before.",
        "as before",
        left,
        "off",
        "as before",
      ]);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
  300_000,
);
