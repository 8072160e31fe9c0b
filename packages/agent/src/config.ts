import { resolve } from "node:path";
import {
  choice,
  type IdRange,
  integer,
  type LogLevel,
  readSettings,
  type Setting,
  type SettingSource,
  text,
} from "@kyanite/runtime";

import type { ContainerSettings } from "./containers/machine-containers.ts";

/** What the agent of a host is told when it starts, and what all of its nodes have in common. */
export interface HostConfig {
  /** Such as `http://127.0.0.1:10080`. */
  readonly serviceUrl: string;
  /** Holds the service's present address, which may have changed since; looked at before each connection. */
  readonly serviceUrlFile: string | undefined;
  /** What the host keeps for itself, and where it is told which nodes it shall have. */
  readonly directory: string;
  /** Holds a directory for each node. */
  readonly nodesDirectory: string;
  /** The name of the provider that has started the host. */
  readonly provider: string;
  /** What its owner says of the host, such as `{"zone":"attic"}`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly logLevel: LogLevel;
  /** What of the machine no command may see, apart from the root and what belongs to it: the server's data directory. */
  readonly hidden: string;
  /**
   * `off`: every command runs as the agent's own user, on the machine itself. `auto`: inside the node's walls, where
   * the machine lets us have them, and as its user identity says, when the agent is root.
   */
  readonly users: "auto" | "off";
  /** How long a command may take to end by itself after SIGTERM. */
  readonly killGraceSeconds: number;
  /** Free space of the root's disk below which it counts as full. */
  readonly reservedDiskBytes: number;
  /** How long the service may be away before the agent ends and takes its nodes away; 0 is for ever. */
  readonly abandonedHours: number;
  /** Where an SSH server of this machine would listen. */
  readonly sshPort: number;
  /** How many nodes are opened at the same time; each takes the file system and a few programs. */
  readonly opensAtOnce: number;
  /** What runs containers on this machine, and where it may be. */
  readonly containers: ContainerSettings;
  /** PATH of commands; the agent's own does not reach them. */
  readonly commandPath: string;
  /** The agent's own language; nothing else of its environment reaches commands. */
  readonly commandLanguage: string;
}

/** What is one node's own besides. */
export interface NodeConfig extends HostConfig {
  readonly nodeId: string;
  /** `AZ_BATCH_NODE_ROOT_DIR`: absolute. What the agent keeps for the node lies beside it. */
  readonly root: string;
  readonly logFile: string;
  /** Ids of users and groups that no other node of the machine has: the first is for all runs, the others for one each. */
  readonly userIds: IdRange;
}

const prefix = "KYANITE_AGENT_";
const noControl = /^\P{Cc}+$/u;
const aPath = { pattern: /^\/\P{Cc}*$/u, rule: "an absolute path" };

/** As on the images of Azure Batch. */
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const settings = {
  SERVICE_URL: text(undefined, "address of the service", {
    pattern: /^https?:\/\/[^\s?#]+$/,
    rule: "an http or https address",
  }),
  SERVICE_URL_FILE: text(undefined, "file with the present address of the service", {
    pattern: noControl,
    rule: "a path",
  }),
  DIRECTORY: text(undefined, "what the host keeps for itself, and is told", aPath),
  NODES: text(undefined, "directory of the nodes", aPath),
  PROVIDER: text("local", "name of the provider that has started the host", { pattern: /^[a-z-]+$/, rule: "a word" }),
  LABELS: text("", "what is said of the host, such as zone=attic,gpu=none", {
    pattern: /^([\w.-]+=[\w.-]*(,[\w.-]+=[\w.-]*)*)?$/,
    rule: "names and values, such as zone=attic,gpu=none",
  }),
  LOG_LEVEL: choice("info", "least level that is logged", ["debug", "info", "warn", "error", "silent"]),
  USERS: choice("auto", "whether commands run as their user identity says", ["auto", "off"]),
  HIDDEN: text(undefined, "directory that commands do not see, but for the root in it", {
    pattern: noControl,
    rule: "a path",
  }),
  KILL_GRACE_SECONDS: integer(5, "time between SIGTERM and SIGKILL", { least: 0, most: 30 }),
  RESERVED_DISK_BYTES: integer(1_000_000, "free space below which the disk is full", { least: 0, most: 1e14 }),
  ABANDONED_HOURS: integer(24, "hours without the service after which the agent ends and cleans up; 0 is never", {
    least: 0,
    most: 10_000,
  }),
  TASK_PATH: text(defaultPath, "where commands look for programs, unless their environment settings say otherwise", {
    pattern: /^\/[^:\p{Cc}]*(:\/[^:\p{Cc}]*)*$/u,
    rule: "absolute paths of directories, separated by colons",
  }),
  OPENS_AT_ONCE: integer(8, "how many nodes are opened at the same time", { least: 1, most: 1_000 }),
  CONTAINER_RUNTIME: text("auto", "what runs containers: auto, off, or the socket of Docker or Podman", {
    pattern: /^(auto|off|(unix:\/\/)?\/\P{Cc}+)$/u,
    rule: "auto, off, or the path of a socket",
  }),
  CONTAINER_NETWORK: text("", "network of containers that ask for none, such as host; empty: the runtime decides", {
    pattern: /^[A-Za-z0-9][\w.-]*$|^$/,
    rule: "the name of a network",
  }),
  CONTAINER_IMAGE_GIGABYTES: integer(50, "what images may take together that were pulled here; 0 is no limit", {
    least: 0,
    most: 1_000_000,
  }),
  SSH_PORT: integer(22, "port of the machine's SSH server, if it has one", { least: 1, most: 65_535 }),
} as const satisfies Readonly<Record<string, Setting<unknown>>>;

/** Reads `KYANITE_AGENT_…`. Throws one error that names everything that is wrong. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): HostConfig {
  const problems: string[] = [];
  const given = readSettings(settings, [environmentSource(environment)], problems);
  const required = (name: "SERVICE_URL" | "DIRECTORY" | "NODES") => {
    const isBroken = problems.some((problem) => problem.startsWith(`${prefix}${name}:`));
    if (given[name] === undefined && !isBroken) problems.push(`${prefix}${name}: is missing`);
    return given[name] ?? "";
  };
  const config = {
    serviceUrl: required("SERVICE_URL").replace(/\/+$/, ""),
    serviceUrlFile: given.SERVICE_URL_FILE,
    directory: resolve(required("DIRECTORY")),
    nodesDirectory: resolve(required("NODES")),
    provider: given.PROVIDER,
    labels: Object.fromEntries(given.LABELS.split(",").filter(Boolean).map(labelOf)),
    logLevel: given.LOG_LEVEL,
    hidden: resolve(given.HIDDEN ?? required("NODES")),
    users: given.USERS,
    killGraceSeconds: given.KILL_GRACE_SECONDS,
    reservedDiskBytes: given.RESERVED_DISK_BYTES,
    abandonedHours: given.ABANDONED_HOURS,
    sshPort: given.SSH_PORT,
    opensAtOnce: given.OPENS_AT_ONCE,
    containers: {
      setting: given.CONTAINER_RUNTIME,
      dockerHost: environment.DOCKER_HOST,
      runtimeDirectory: environment.XDG_RUNTIME_DIR,
      home: environment.HOME,
      network: given.CONTAINER_NETWORK || undefined,
      imageBytes: given.CONTAINER_IMAGE_GIGABYTES * 1e9,
    },
    commandPath: given.TASK_PATH,
    commandLanguage: environment.LANG || "C.UTF-8",
  };
  if (problems.length > 0) throw new Error(`The agent's settings are wrong:\n${problems.join("\n")}`);
  return config;
}

function labelOf(text: string): [string, string] {
  const [name = "", value = ""] = text.split("=");
  return [name, value];
}

function environmentSource(environment: NodeJS.ProcessEnv): SettingSource {
  return {
    find(name) {
      const given = environment[prefix + name];
      return given ? { text: given, origin: prefix + name, directory: process.cwd() } : undefined;
    },
  };
}
