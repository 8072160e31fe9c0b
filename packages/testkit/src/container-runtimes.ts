import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock, waitUntil } from "@kyanite/runtime";
import { freePorts } from "./server-process.ts";

export type RuntimeKind = "docker" | "podman";

/** A container runtime of our own, with a socket and directories that nobody else uses. */
export interface TestRuntime {
  readonly kind: RuntimeKind;
  readonly socket: string;
  /** How a client of it is started: `docker` or `podman` with these arguments. */
  client(...args: readonly string[]): {
    readonly program: string;
    readonly args: readonly string[];
    readonly environment: Readonly<Record<string, string | undefined>>;
  };
  /** What a client of it says: `docker` or `podman` with these arguments. */
  run(...args: readonly string[]): string;
  /** Puts the image that tests use into a registry, under this name, and forgets the name. */
  push(name: string): void;
  /** Makes an image of the one that tests use, with these in its configuration. */
  build(name: string, made: MadeImage): void;
  /** Ends it as `kill -9` would, and starts it again. */
  restart(signal: NodeJS.Signals): Promise<void>;
  start(): Promise<void>;
  stop(signal: NodeJS.Signals): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

interface MadeImage {
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly user: string;
}

/** The image that tests use: a shell and small programs, made here. */
export const testImage = "kyanite/busybox:1";

const busybox = "/bin/busybox";
const programs = { docker: "/usr/sbin/dockerd", podman: "/usr/bin/podman" } as const;
const needed = { docker: "docker.io", podman: "podman" } as const;

/** Whether a runtime of the kind can be started here; says so once where it cannot. */
export function hasRuntime(kind: RuntimeKind): boolean {
  const missing = [programs[kind], busybox].filter((file) => !existsSync(file));
  const isRoot = process.getuid?.() === 0;
  if (isRoot && missing.length === 0) return true;
  const why = isRoot
    ? `there is no ${missing.join(", ")} (packages ${needed[kind]}, busybox-static)`
    : "we are not root";
  console.warn(`containers are not tested with ${kind}: ${why}`);
  return false;
}

/** @param uid whose runtime it is, when not ours */
export async function startRuntime(kind: RuntimeKind, uid = 0): Promise<TestRuntime> {
  const directory = mkdtempSync(join(tmpdir(), `kyanite-${kind}-`));
  const socket = join(directory, "socket");
  let child: ChildProcess | undefined;
  const environment = { ...process.env, ...configure(directory, uid) };
  const owner = uid === 0 ? {} : { uid, gid: uid };
  const start = async () => {
    // Of those that were killed; somebody else may have their numbers by now.
    for (const file of ["pid", "exec/containerd/containerd.pid"]) rmSync(join(directory, file), { force: true });
    const log = openSync(join(directory, "log"), "a");
    const [program = "", ...args] = commands[kind](directory, socket);
    child = spawn(program, args, { stdio: ["ignore", log, log], env: environment, cwd: "/", ...owner });
    const isUp = await waitUntil(() => answers({ path: socket }), { clock: systemClock, timeoutMilliseconds: 60_000 });
    if (!isUp) throw new Error(`${kind} did not start: ${readFileSync(join(directory, "log"), "utf8").slice(-2_000)}`);
  };
  const stop = async (signal: NodeJS.Signals) => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  };
  const client = (...more: readonly string[]) => {
    const [program = "", ...given] = clients[kind](directory, socket);
    return { program, args: [...given, ...more], environment };
  };
  const run = (...more: readonly string[]) => {
    const { program, args } = client(...more);
    return execFileSync(program, args, {
      cwd: "/",
      ...owner,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env: environment,
    }).trim();
  };
  if (uid !== 0) chownSync(directory, uid, uid);
  await start();
  run("import", makeImage(directory), testImage);
  return {
    kind,
    socket,
    client,
    run,
    start,
    stop,
    build(name, { entrypoint, command, user }) {
      const changes = [
        `ENTRYPOINT ${JSON.stringify(entrypoint)}`,
        `CMD ${JSON.stringify(command)}`,
        `USER ${user}`,
      ].flatMap((change) => ["--change", change]);
      run("import", ...changes, join(directory, "image.tar"), name);
    },
    push(name) {
      const server = name.split("/")[0] ?? "";
      run("tag", testImage, name);
      try {
        run("push", ...pushOptions[kind], name);
      } catch {
        run("login", ...pushOptions[kind], "-u", "user", "-p", "secret", server);
        run("push", ...pushOptions[kind], name);
        run("logout", server);
      }
      run("rmi", name);
    },
    async restart(signal) {
      await stop(signal);
      await start();
    },
    async [Symbol.asyncDispose]() {
      for (const id of run("ps", "-aq").split("\n").filter(Boolean)) run("rm", "-f", "-v", id);
      await stop("SIGTERM");
      endPause(directory);
      const isGone = await waitUntil(() => isRemoved(directory), { clock: systemClock, timeoutMilliseconds: 20_000 });
      if (!isGone) throw new Error(`something is mounted below ${directory}`);
    },
  };
}

/** Podman of an ordinary user leaves a process that keeps its namespaces. */
function endPause(directory: string): void {
  const file = join(directory, "tmp/pause.pid");
  if (existsSync(file)) process.kill(Number(readFileSync(file, "utf8")), "SIGKILL");
}

/** Podman's helpers, of which some may still be busy with a container that has ended, mount its directory once more. */
function isRemoved(directory: string): boolean {
  unmountAll(directory);
  try {
    rmSync(directory, { recursive: true, force: true });
    return true;
  } catch {
    return false;
  }
}

const commands: Readonly<Record<RuntimeKind, (directory: string, socket: string) => readonly string[]>> = {
  docker: (directory, socket) => [
    programs.docker,
    "--iptables=false",
    "--ip-masq=false",
    "--bridge=none",
    `--host=unix://${socket}`,
    `--data-root=${join(directory, "data")}`,
    `--exec-root=${join(directory, "exec")}`,
    `--pidfile=${join(directory, "pid")}`,
  ],
  podman: (directory, socket) => [...podman(directory), "system", "service", "--time=0", `unix://${socket}`],
};

const podman = (directory: string) => [
  programs.podman,
  `--root=${join(directory, "data")}`,
  `--runroot=${join(directory, "run")}`,
  `--tmpdir=${join(directory, "tmp")}`,
  "--cgroup-manager=cgroupfs",
  // crun refuses machines that have both versions of control groups.
  "--runtime=runc",
  "--events-backend=file",
];

const clients: Readonly<Record<RuntimeKind, (directory: string, socket: string) => readonly string[]>> = {
  docker: (_, socket) => ["/usr/bin/docker", "--host", `unix://${socket}`],
  podman,
};

const pushOptions = { docker: [], podman: ["--tls-verify=false"] } as const;

/**
 * Podman asks for more open files than a machine without CAP_SYS_RESOURCE lets it have, and for TLS of registries on
 * loopback. Neither client keeps a log-in where others find it.
 */
function configure(directory: string, uid: number): Readonly<Record<string, string>> {
  const [limits, registries] = [join(directory, "containers.conf"), join(directory, "registries.conf")];
  writeFileSync(limits, '[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]\n');
  const storage = join(directory, "storage.conf");
  // An ordinary user may have no other ids than its own.
  writeFileSync(storage, '[storage]\ndriver = "vfs"\n[storage.options.vfs]\nignore_chown_errors = "true"\n');
  writeFileSync(
    registries,
    'unqualified-search-registries = ["docker.io"]\n[[registry]]\nlocation = "localhost"\ninsecure = true\n',
  );
  const ofUser: Readonly<Record<string, string>> =
    uid === 0 ? {} : { HOME: directory, XDG_RUNTIME_DIR: directory, CONTAINERS_STORAGE_CONF: storage };
  writeFileSync(join(directory, "auth.json"), "{}", { mode: 0o666 });
  return {
    ...ofUser,
    CONTAINERS_CONF: limits,
    CONTAINERS_REGISTRIES_CONF: registries,
    REGISTRY_AUTH_FILE: join(directory, "auth.json"),
    DOCKER_CONFIG: directory,
  };
}

function answers(
  place: { readonly path: string } | { readonly port: number; readonly host: string },
): Promise<boolean> {
  return new Promise((resolve) => {
    const open = connect(place, () => {
      open.destroy();
      resolve(true);
    }).once("error", () => resolve(false));
  });
}

const registry = "/usr/bin/docker-registry";

/** Whether a registry can be started here; says so once where it cannot. */
export function hasRegistry(): boolean {
  if (existsSync(registry)) return true;
  console.warn("registries of images are not tested: there is no docker-registry");
  return false;
}

/** A registry of our own on loopback, with this password for the user `user`, when it has one: `secret`. */
export async function startRegistry(options: { readonly hasPassword: boolean }) {
  const directory = mkdtempSync(join(tmpdir(), "kyanite-registry-"));
  const [port] = await freePorts(1);
  const server = `localhost:${port}`;
  const [users, file] = [join(directory, "users"), join(directory, "config.yml")];
  writeFileSync(users, "user:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n");
  const auth = options.hasPassword ? { auth: { htpasswd: { realm: "test", path: users } } } : {};
  const storage = { filesystem: { rootdirectory: join(directory, "data") } };
  const http = { addr: server.replace("localhost", "127.0.0.1") };
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ version: 0.1, log: { level: "error" }, storage, http, ...auth }));
  const child = spawn(registry, ["serve", file], { stdio: "ignore" });
  const isUp = () => answers({ port: Number(server.split(":")[1]), host: "127.0.0.1" });
  await waitUntil(isUp, { clock: systemClock, timeoutMilliseconds: 20_000 });
  return {
    server,
    async [Symbol.asyncDispose]() {
      const ended = once(child, "exit");
      child.kill();
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const applets =
  "sh ls cat sleep id echo env touch chmod ps true false mkdir rm kill head wc grep test setsid stat dd ln yes tr seq printf nproc hostname date tee";

/** A file system with little in it, as an archive. */
function makeImage(directory: string): string {
  const [image, archive] = [join(directory, "image"), join(directory, "image.tar")];
  for (const name of ["bin", "etc", "tmp", "usr/bin"]) mkdirSync(join(image, name), { recursive: true });
  copyFileSync(busybox, join(image, "bin/busybox"));
  for (const name of applets.split(" ")) symlinkSync("busybox", join(image, "bin", name));
  execFileSync("tar", ["-C", image, "-cf", archive, "."]);
  return archive;
}

function unmountAll(directory: string): void {
  const mounted = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path.startsWith(directory))
    .toReversed();
  if (mounted.length > 0) execFileSync("umount", ["-l", ...mounted]);
}
