import { accessSync, constants, existsSync } from "node:fs";
import type Docker from "dockerode";
import { messageOf, type StepFailure } from "../failure.ts";
import { containerMisery } from "./failures.ts";

/** What makes containers on this machine. */
export interface ContainerRuntime {
  readonly api: Docker;
  readonly kind: "docker" | "podman";
  /** Such as `Docker 27.5`, for people. */
  readonly name: string;
  /** Whether root inside is an ordinary user of the machine. */
  readonly isRootless: boolean;
  /** Whether containers go on, and are remembered, when the runtime itself is restarted. */
  readonly isOutlived: boolean;
  /** How it gives containers the machine's GPUs; undefined where it cannot, or there are none. */
  readonly gpus: "requests" | "cdi" | undefined;
}

export interface RuntimeFinder {
  /**
   * The runtime of the machine. One that was found stays; one that was not is looked for again.
   * @throws StepFailure ContainerMiscError with what is missing and how to get it
   */
  find(): Promise<ContainerRuntime>;
}

export interface RuntimePlaces {
  /** `auto`, `off`, or the socket to be used. */
  readonly setting: string;
  /** As clients of Docker are told: `unix:///run/user/1000/docker.sock`, for example. */
  readonly dockerHost?: string | undefined;
  /** Where an ordinary user's services have their sockets. */
  readonly runtimeDirectory?: string | undefined;
  /** Of the agent's user. */
  readonly home?: string | undefined;
}

export function runtimeFinder(places: RuntimePlaces): RuntimeFinder {
  let found: Promise<ContainerRuntime> | undefined;
  return {
    find() {
      found ??= findRuntime(places).catch((cause: unknown) => {
        found = undefined;
        throw cause;
      });
      return found;
    },
  };
}

/**
 * For whoever runs the machine: what makes containers there, or why nothing does and how to get it. It is looked for
 * anew each time, since it may have come or gone.
 */
export async function describeRuntime(places: RuntimePlaces): Promise<string> {
  const found = await lookForRuntime(places);
  if (typeof found === "string") return `containers cannot run here: ${found}. ${remedy}`;
  return `containers run with ${found.name}, ${found.isRootless ? "rootless" : "as root"}`;
}

async function findRuntime(places: RuntimePlaces): Promise<ContainerRuntime> {
  const found = await lookForRuntime(places);
  return typeof found === "string" ? Promise.reject(missing(found)) : found;
}

/** @returns why there is none, when there is none */
async function lookForRuntime(places: RuntimePlaces): Promise<ContainerRuntime | string> {
  if (places.setting === "off") return "Containers are switched off here (setting container-runtime)";
  const problems: string[] = [];
  for (const socket of runtimeSockets(places)) {
    try {
      accessSync(socket, constants.R_OK | constants.W_OK);
      return await openRuntime(socket);
    } catch (cause) {
      problems.push(messageOf(cause));
    }
  }
  return `None of the sockets answers: ${problems.join("; ")}`;
}

const remedy =
  "Install Docker or Podman (docker.io or podman of Debian and Ubuntu), start its service (docker.service or " +
  "podman.socket), or name its socket in the setting container-runtime";

const missing = (why: string): StepFailure =>
  containerMisery(
    `The machine of the compute node has no container runtime: neither Docker nor Podman. ${why}. ${remedy}; then ` +
      "reboot the node",
  );

/** Where a container runtime may listen, in the order in which they are tried. */
function runtimeSockets({ setting, dockerHost = "", runtimeDirectory: own }: RuntimePlaces): readonly string[] {
  if (setting !== "auto") return [setting.replace(/^unix:\/\//, "")];
  const given = /^unix:\/\/(\/.*)$/.exec(dockerHost)?.[1];
  return [
    ...(given === undefined ? [] : [given]),
    ...(own === undefined || process.getuid?.() === 0 ? [] : [`${own}/docker.sock`, `${own}/podman/podman.sock`]),
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run/podman/podman.sock",
  ];
}

/** Where services of a machine may listen that start programs for others, whichever of them the agent uses. */
export const serviceSockets = (places: RuntimePlaces): readonly string[] => [
  ...(places.setting.includes("/") ? runtimeSockets(places) : []),
  ...runtimeSockets({ ...places, setting: "auto" }),
  ...(places.runtimeDirectory === undefined ? [] : [`${places.runtimeDirectory}/bus`]),
  ...(places.home === undefined
    ? []
    : [`${places.home}/.docker/run/docker.sock`, `${places.home}/.docker/desktop/docker.sock`]),
  "/var/lib/lxd/unix.socket",
  "/var/snap/lxd/common/lxd/unix.socket",
  "/var/lib/incus/unix.socket",
];

/** One that does not answer is none; a busy Podman takes seconds. */
const answerMilliseconds = 10_000;

/** The client library is large, and most agents run no containers. */
async function openRuntime(socketPath: string): Promise<ContainerRuntime> {
  const { default: Client } = await import("dockerode");
  const api = new Client({ socketPath });
  const probe = new Client({ socketPath, timeout: answerMilliseconds });
  const [version, info] = await Promise.all([probe.version(), probe.info()]);
  const engine: unknown = version.Components?.[0]?.Name;
  const kind = typeof engine === "string" && engine.startsWith("Podman") ? "podman" : "docker";
  const options: readonly string[] = info.SecurityOptions ?? [];
  const hasNvidia = existsSync("/dev/nvidiactl");
  const hasDescription = ["/etc/cdi", "/var/run/cdi"].some((place) => existsSync(`${place}/nvidia.yaml`));
  const isGiving = kind === "podman" ? hasDescription : "nvidia" in (info.Runtimes ?? {});
  return {
    api,
    kind,
    gpus: hasNvidia && isGiving ? (kind === "podman" ? "cdi" : "requests") : undefined,
    name: `${kind === "podman" ? "Podman" : "Docker"} ${version.Version}`,
    isRootless: info.Rootless === true || options.some((option) => /^(name=)?rootless/.test(option)),
    isOutlived: kind === "podman" || info.LiveRestoreEnabled === true,
  };
}
