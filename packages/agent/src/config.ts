import { readFile, stat } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import { choice, integer, type LogLevel, readSettings, type Setting, type SettingSource, text } from "@kyanite/runtime";

/** What an agent is told when it starts. */
export interface AgentConfig {
  /** Such as `http://127.0.0.1:10080`. */
  readonly serviceUrl: string;
  /** Holds the service's present address, which may have changed since; looked at before each connection. */
  readonly serviceUrlFile: string | undefined;
  readonly nodeId: string;
  readonly token: string;
  /** `AZ_BATCH_NODE_ROOT_DIR`: absolute. What the agent keeps for itself lies beside it. */
  readonly root: string;
  readonly logLevel: LogLevel;
  /** Path of the log; standard error when absent. */
  readonly logFile: string | undefined;
  /** `off`: every command runs as the agent's own user. `auto`: as its user identity says, when the agent is root. */
  readonly users: "auto" | "off";
  /** How long a command may take to end by itself after SIGTERM. */
  readonly killGraceSeconds: number;
  /** Free space of the root's disk below which it counts as full. */
  readonly reservedDiskBytes: number;
  /** Where an SSH server of this machine would listen. */
  readonly sshPort: number;
  /** The agent's own settings that commands get as well; nothing else of its environment reaches them. */
  readonly commandPath: string;
  readonly commandLanguage: string;
}

const prefix = "KYANITE_AGENT_";
const noControl = /^\P{Cc}+$/u;

const settings = {
  SERVICE_URL: text(undefined, "address of the service", {
    pattern: /^https?:\/\/[^\s?#]+$/,
    rule: "an http or https address",
  }),
  SERVICE_URL_FILE: text(undefined, "file with the present address of the service", {
    pattern: noControl,
    rule: "a path",
  }),
  NODE_ID: text(undefined, "id of this node", { pattern: noControl, rule: "a text without control characters" }),
  TOKEN_FILE: text(undefined, "file with the node's token, mode 0600", { pattern: noControl, rule: "a path" }),
  ROOT: text(undefined, "root directory of the node", { pattern: noControl, rule: "a path" }),
  LOG_LEVEL: choice("info", "least level that is logged", ["debug", "info", "warn", "error", "silent"]),
  LOG_FILE: text(undefined, "where to log instead of standard error", { pattern: noControl, rule: "a path" }),
  USERS: choice("auto", "whether commands run as their user identity says", ["auto", "off"]),
  KILL_GRACE_SECONDS: integer(5, "time between SIGTERM and SIGKILL", { least: 0, most: 30 }),
  RESERVED_DISK_BYTES: integer(1_000_000, "free space below which the disk is full", { least: 0, most: 1e14 }),
  SSH_PORT: integer(22, "port of the machine's SSH server, if it has one", { least: 1, most: 65_535 }),
} as const satisfies Readonly<Record<string, Setting<unknown>>>;

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Reads `KYANITE_AGENT_…`. Throws one error that names everything that is wrong. */
export async function readConfig(environment: NodeJS.ProcessEnv = process.env): Promise<AgentConfig> {
  const problems: string[] = [];
  const given = readSettings(settings, [environmentSource(environment)], problems);
  const required = (name: "SERVICE_URL" | "NODE_ID" | "TOKEN_FILE" | "ROOT") => {
    const isBroken = problems.some((problem) => problem.startsWith(`${prefix}${name}:`));
    if (given[name] === undefined && !isBroken) problems.push(`${prefix}${name}: is missing`);
    return given[name] ?? "";
  };
  const config = {
    serviceUrl: required("SERVICE_URL").replace(/\/+$/, ""),
    serviceUrlFile: given.SERVICE_URL_FILE,
    nodeId: required("NODE_ID"),
    token: await readToken(required("TOKEN_FILE"), problems),
    root: resolve(required("ROOT")),
    logLevel: given.LOG_LEVEL,
    logFile: given.LOG_FILE,
    users: given.USERS,
    killGraceSeconds: given.KILL_GRACE_SECONDS,
    reservedDiskBytes: given.RESERVED_DISK_BYTES,
    sshPort: given.SSH_PORT,
    commandPath: environment.PATH || defaultPath,
    commandLanguage: environment.LANG || "C.UTF-8",
  };
  if (given.ROOT !== undefined && !isAbsolute(given.ROOT)) problems.push(`${prefix}ROOT: must be an absolute path`);
  if (problems.length > 0) throw new Error(`The agent's settings are wrong:\n${problems.join("\n")}`);
  return config;
}

function environmentSource(environment: NodeJS.ProcessEnv): SettingSource {
  return {
    find(name) {
      const given = environment[prefix + name];
      return given ? { text: given, origin: prefix + name, directory: process.cwd() } : undefined;
    },
  };
}

/** The token comes in a file, because everyone can read command lines, and children inherit environments. */
async function readToken(file: string, problems: string[]): Promise<string> {
  if (file === "") return "";
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) problems.push(`${prefix}TOKEN_FILE: others may read ${file}; its mode must be 0600`);
    const token = (await readFile(file, "utf8")).trim();
    if (!/^[\x21-\x7e]+$/.test(token)) problems.push(`${prefix}TOKEN_FILE: ${file} holds no token`);
    return token;
  } catch (error) {
    problems.push(`${prefix}TOKEN_FILE: ${error instanceof Error ? error.message : String(error)}`);
    return "";
  }
}
