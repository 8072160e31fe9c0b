import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { keepAuthorityFiles, systemAuthorityFile } from "@kyanite/service/host/authority-files";
import { authorityVariables } from "../commands/env.ts";
import { forwarder, listen } from "./forward.ts";
import { withNames } from "./hosts-file.ts";
import type { Redirect } from "./plan.ts";

const isRoot = () => process.getuid?.() === 0;

/**
 * Runs a command where the names are redirected, in a mount and a network namespace of its own: nothing else of the
 * machine sees anything of it. The command reaches the server and no other network.
 * @returns its exit code
 */
export async function runRedirected(command: readonly [string, ...string[]], redirect: Redirect): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), "kyanite-redirect-"));
  try {
    const caCertificate = await writeFiles(directory, redirect);
    const servers = [redirect.endpoint, ...localPorts(redirect).map(forwarder)];
    const places = ["443", ...localPorts(redirect)];
    for (const [index, server] of servers.entries())
      await listen(server, { path: join(directory, "ports", String(places[index])) });
    const namespace = await openNamespace(directory);
    try {
      return await runInside(command, namespace, authorityVariables(caCertificate, process.env.JAVA_TOOL_OPTIONS));
    } finally {
      namespace.kill();
      for (const server of servers) server.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** What the server answers at, which addresses that it gives name: they are the same inside. */
const localPorts = ({ endpoints }: Redirect): readonly number[] => [
  ...new Set(
    [endpoints.batchUrl, endpoints.batchHttpsUrl, endpoints.blobEndpoint, endpoints.blobHttpsEndpoint]
      .filter((url) => /^https?:\/\/(localhost|127\.0\.0\.1):/.test(url))
      .map((url) => Number(new URL(url).port)),
  ),
];

/** How the bundled storage is called at its own port, which not every machine resolves. */
const localNames = ({ storageAccount }: Redirect["endpoints"]) =>
  ["blob.localhost", "blob.core.localhost"].map((domain) => `${storageAccount}.${domain}`);

/** @returns where the authorities are, for whatever user the command becomes */
async function writeFiles(
  directory: string,
  { endpoints, names, authority, serverAuthority }: Redirect,
): Promise<string> {
  await chmod(directory, 0o755);
  await mkdir(join(directory, "ports"), { mode: 0o700 });
  const hosts = withNames(await readFile("/etc/hosts", "utf8"), [...names, ...localNames(endpoints)]);
  await writeFile(join(directory, "hosts"), hosts);
  const caCertificate = join(directory, "ca.pem");
  await writeFile(caCertificate, authority + serverAuthority);
  await keepAuthorityFiles(caCertificate, authority, [serverAuthority]);
  return caCertificate;
}

/** What replaces files of the machine for those inside. The network of a new namespace has nothing but loopback, switched off. */
const script = `
set -e
ip link set lo up 2>/dev/null || {
  mkdir "$1/sys"
  mount -n -t sysfs sysfs "$1/sys"
  echo 0x9 >"$1/sys/class/net/lo/flags"
  umount -n "$1/sys"
}
mount -n --bind "$1/hosts" /etc/hosts
[ -z "$2" ] || mount -n --bind "$1/ca-bundle.pem" "$2"
directory=$1
shift 2
exec "$@" "$directory/ports"
`;

/** Starts the process that holds the namespaces, and carries connections out of them. It ends when we do. */
async function openNamespace(directory: string): Promise<ChildProcess> {
  const user = isRoot() ? [] : ["--user", "--map-current-user", "--keep-caps"];
  const ours = [process.execPath, process.argv[1] ?? "", "redirect", "carry"];
  const inside = ["sh", "-c", script, "sh", directory, (await systemAuthorityFile()) ?? "", ...ours];
  const child = spawn("unshare", [...user, "--mount", "--net", "--", ...inside], { stdio: ["pipe", "pipe", "pipe"] });
  const said: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => said.push(text));
  await new Promise<void>((resolve, reject) => {
    const fail = () => {
      const reason = said.join("").trim().split("\n").at(-1) || "it has ended";
      reject(new Error(`no namespaces for the command: ${reason}. They take util-linux, and root or user namespaces`));
    };
    child.once("error", fail).once("close", fail);
    child.stdout.once("data", () => resolve());
  });
  return child;
}

/** Inside: carries what comes to each of these ports out through the socket of that name. Ends with whoever started it. */
export async function carryOut(directory: string): Promise<void> {
  for (const port of await readdir(directory))
    await listen(forwarder(join(directory, port)), { port: Number(port), host: "127.0.0.1" });
  process.stdout.write("ready\n");
  process.stdin.resume();
  await once(process.stdin, "end");
  process.exit();
}

async function runInside(
  command: readonly [string, ...string[]],
  { pid }: ChildProcess,
  variables: Readonly<Record<string, string>>,
): Promise<number> {
  const user = isRoot() ? [] : ["--user", "--preserve-credentials"];
  const args = [`--target=${pid}`, ...user, "--mount", "--net", `--wd=${process.cwd()}`, "--", ...command];
  const child = spawn("nsenter", args, { stdio: "inherit", env: { ...process.env, ...variables } });
  // A terminal sends its signals to the command as well, which decides.
  const pass = (signal: NodeJS.Signals) => signal !== "SIGINT" && child.kill(signal);
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, pass);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
  } finally {
    for (const signal of signals) process.off(signal, pass);
  }
}
