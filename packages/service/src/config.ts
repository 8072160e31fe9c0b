import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import {
  choice,
  hasErrorCode,
  idRange,
  integer,
  path,
  readSettings,
  type Setting,
  type SettingValues,
  text,
} from "@kyanite/runtime";
import { ConnectionStringError, parseConnectionString } from "@kyanite/storage/account";
import { type Found, type FoundSettings, kebab, readFlags, readVariables, readYaml } from "./config-sources.ts";
import { roles } from "./domain/account/caller.ts";
import { parseCapacities } from "./domain/pool/capacity.ts";
import { parseMountSources } from "./domain/pool/mounts.ts";
import { parseNetworks } from "./events/networks.ts";
import { readTelemetry, type TelemetrySettings } from "./telemetry/settings.ts";

const port = { least: 0, most: 65_535, placeholder: "PORT" } as const;

const vmSizes: Setting<string> = {
  help: "which machine sizes there are and how many nodes of each: PATTERN=NODES,…; the first pattern that fits decides",
  placeholder: "LIST",
  initial: "*=10000",
  parse: (value) => (parseCapacities(value) ? { value } : { problem: 'must be a list such as "standard_nc*=0,*=200"' }),
};

const mountSources: Setting<string> = {
  help: "directories of the nodes' machines that stand for shares in mount configurations: SHARE=DIRECTORY,…",
  placeholder: "LIST",
  initial: "",
  parse: (value) =>
    parseMountSources(value) ? { value } : { problem: 'must be a list such as "files:/export=/srv/export"' },
};

const webhookNetworks: Setting<string> = {
  help: "where webhooks may be sent: public (the internet, by https), networks such as 10.1.0.0/16, all, or none",
  placeholder: "LIST",
  initial: "public",
  parse: (value) =>
    parseNetworks(value) ? { value } : { problem: 'must be a list such as "public 10.1.0.0/16", all or none' },
};

const moreStorageAccounts: Setting<readonly string[]> = {
  help: "connection strings of more storage accounts that Batch accounts can be linked with, separated by blanks",
  placeholder: "TEXTS",
  initial: [],
  parse: (value) => {
    try {
      return {
        value: value
          .split(/\s+/)
          .filter(Boolean)
          .map((text) => parseConnectionString(text).connectionString),
      };
    } catch (error) {
      if (error instanceof ConnectionStringError) return { problem: error.rule };
      throw error;
    }
  },
};

const storageConnectionString: Setting<string | undefined> = {
  help: "storage account to use instead of the bundled Azurite",
  placeholder: "TEXT",
  initial: undefined,
  parse: (value) => {
    try {
      return { value: parseConnectionString(value).connectionString };
    } catch (error) {
      if (error instanceof ConnectionStringError) return { problem: error.rule };
      throw error;
    }
  },
};

/** What a server needs to know to start, and its flags: `httpPort` is `--http-port` and `KYANITE_HTTP_PORT`. */
export const serverSettings = {
  dataDir: path(undefined, "where everything is kept (default: ~/.kyanite, or /var/lib/kyanite as root)"),
  host: text("127.0.0.1", "address to listen on", {
    placeholder: "HOST",
    pattern: /^[A-Za-z0-9.:-]+$/,
    rule: "a host name or an IP address",
  }),
  httpPort: integer(10_080, "port for HTTP; 0 chooses a free one", port),
  httpsPort: integer(10_443, "port for HTTPS; 0 chooses a free one", port),
  publicUrl: text(undefined, "where clients elsewhere reach this server, by a name of its own or through a proxy", {
    placeholder: "URL",
    pattern: /^https?:\/\/[A-Za-z0-9.-]+(:\d{1,5})?\/?$/,
    rule: "a URL such as https://batch.example:10443, without a path",
  }),
  agentUrl: text(undefined, "where agents and tasks on other machines reach this server", {
    placeholder: "URL",
    pattern: /^https?:\/\/[^\s/]+$/,
    rule: "a URL such as http://batch.internal:10080, without a path",
  }),
  peerHost: text(undefined, "address of this machine on which other servers of the same database reach this one", {
    placeholder: "HOST",
    pattern: /^[A-Za-z0-9.:-]+$/,
    rule: "a host name or an IP address",
  }),
  peerPort: integer(0, "port for other servers of the same database; 0 chooses a free one", port),
  databaseUrl: text(undefined, "PostgreSQL to use instead of the bundled one", {
    placeholder: "URL",
    pattern: /^postgres(ql)?:\/\/\S+$/,
    rule: "a URL that begins with postgresql://",
  }),
  storageConnectionString,
  storageAccount: text(
    undefined,
    "name of the bundled storage account, such as the one a program knows; it is given at the first start and stays (default: kyanite)",
    { placeholder: "NAME", pattern: /^[a-z0-9]{3,24}$/, rule: "3 to 24 lower-case letters and digits" },
  ),
  storageHttpsPort: integer(0, "port of the bundled storage for HTTPS; 0 chooses a free one and keeps it", port),
  moreStorageAccounts,
  account: text("local", "name of the Batch account", {
    placeholder: "NAME",
    pattern: /^[a-z0-9]{3,24}$/,
    rule: "3 to 24 lower-case letters and digits",
  }),
  accountKey: text(undefined, "key of the Batch account (default: made at the first start)", {
    placeholder: "BASE64",
    pattern: /^(?:[A-Za-z0-9+/]{4}){5,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
    rule: "at least 16 bytes in base64",
  }),
  identityIssuers: text("", "OpenID Connect issuers whose tokens are accepted, separated by blanks", {
    placeholder: "URLS",
    pattern: /^(https?:\/\/\S+( +https?:\/\/\S+)*)?$/,
    rule: "URLs that begin with https://, separated by blanks",
  }),
  identityRoleClaim: text("roles", "claim of a token that names its roles", {
    placeholder: "NAME",
    pattern: /^[A-Za-z0-9_.:/-]{1,100}$/,
    rule: "the name of a claim",
  }),
  identityDefaultRole: choice("none", "role of a token whose claim names none", ["none", ...roles]),
  logLevel: choice("info", "least level that is logged", ["debug", "info", "warn", "error", "silent"]),
} as const;

/** What can be tuned; each has a flag, a variable and a key in the file as well. */
export const tuningSettings = {
  heartbeatSeconds: integer(5, "time between signs of life of an agent", { least: 1, most: 300 }),
  sampleSeconds: integer(15, "time between utilisation samples of a node", { least: 1, most: 300 }),
  poolSampleSeconds: integer(30, "time between samples of a pool, which autoscale formulas see", {
    least: 1,
    most: 300,
  }),
  poolSampleHours: integer(24, "how long samples of pools are kept", { least: 1, most: 720 }),
  fiveMinuteSampleDays: integer(3, "how long samples are kept in steps of five minutes", { least: 1, most: 366 }),
  hourSampleDays: integer(90, "how long samples are kept in steps of an hour", { least: 1, most: 3_660 }),
  auditDays: integer(90, "how long it is kept who did what", { least: 1, most: 3_660 }),
  autoScaleMinimumSeconds: integer(300, "shortest interval between autoscale evaluations", { least: 1, most: 3_600 }),
  nodeSilentSeconds: integer(60, "silence after which a node counts as lost", { least: 3, most: 3_600 }),
  nodeRecoverySeconds: integer(300, "time out of reach after which a node is restarted", { least: 1, most: 86_400 }),
  placementsPerRound: integer(1_000, "waiting tasks that one round of scheduling looks at per pool", {
    least: 1,
    most: 100_000,
  }),
  databaseConnections: integer(12, "connections to the database", { least: 3, most: 200 }),
  databaseWaitSeconds: integer(30, "how long to wait for the database at the start", { least: 0, most: 3_600 }),
  agentStartsAtOnce: integer(8, "local nodes that start at the same time", { least: 1, most: 256 }),
  nodesPerAgent: integer(1_000, "most local nodes that one agent serves", { least: 1, most: 10_000 }),
  poolQuota: integer(1_000, "most pools of the account", { least: 0, most: 1_000_000 }),
  activeJobAndJobScheduleQuota: integer(100_000, "most active jobs and job schedules of the account", {
    least: 0,
    most: 10_000_000,
  }),
  accountQuota: integer(1_000, "most accounts", { least: 1, most: 1_000_000 }),
  dedicatedCoreQuota: integer(100_000, "most cores of dedicated nodes", { least: 0, most: 10_000_000 }),
  lowPriorityCoreQuota: integer(100_000, "most cores of low-priority nodes", { least: 0, most: 10_000_000 }),
  processesPerSlot: integer(4_096, "most processes and threads of a task, for each of its slots; 0 is no limit", {
    least: 0,
    most: 1_000_000,
  }),
  nodeLimits: choice("none", "whether tasks may take no more than their slots' share of the pool's VM size", [
    "none",
    "vm-size",
  ]),
  diskReserveMegabytes: integer(64, "space on the data directory's disk that tasks of local nodes cannot take", {
    least: 0,
    most: 1_000_000,
  }),
  abandonedNodeHours: integer(24, "hours without a server after which a local node ends and cleans up; 0 is never", {
    least: 0,
    most: 10_000,
  }),
  unsupportedProperties: choice("ignore", "what becomes of properties that only describe Azure's hardware", [
    "ignore",
    "refuse",
  ]),
  adminTasks: choice(
    "isolated",
    "who may add tasks with administrator's rights: who adds tasks, where nodes have walls; operators; or anyone",
    ["isolated", "operator", "anyone"],
  ),
  containerRuntime: text(
    "auto",
    "what runs the containers of local nodes: auto, off, or the socket of Docker or Podman",
    {
      placeholder: "SOCKET",
      pattern: /^(auto|off|(unix:\/\/)?\/\P{Cc}+)$/u,
      rule: "auto, off, or the path of a socket",
    },
  ),
  containerNetwork: text("", "network of containers that ask for none, such as host (default: the runtime decides)", {
    placeholder: "NAME",
    pattern: /^([A-Za-z0-9][\w.-]*)?$/,
    rule: "the name of a network",
  }),
  containerImageGigabytes: integer(
    50,
    "what images of containers may take together that local nodes have pulled; 0 is no limit",
    {
      least: 0,
      most: 1_000_000,
    },
  ),
  containerHostAccess: choice(
    "operator",
    "who may add containers that reach the machine, with --privileged or mounts of its directories: operators, or anyone",
    ["operator", "anyone"],
  ),
  nodeUsers: idRange("1800000-2062143", "ids of users and groups for the tasks of local nodes, 256 a node, as root"),
  taskPath: text(
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "PATH of tasks on local nodes, unless their environment settings have one; the server's own does not reach them",
    {
      placeholder: "DIRECTORIES",
      pattern: /^\/[^:\p{Cc}]*(:\/[^:\p{Cc}]*)*$/u,
      rule: "absolute paths of directories, separated by colons",
    },
  ),
  sshPort: integer(22, "port of the SSH server of local nodes' machine, which remote login settings name", {
    least: 1,
    most: 65_535,
  }),
  keptLogs: choice(
    "all",
    "of which runs stdout.txt and stderr.txt are kept when their node is gone, unless the task says",
    ["all", "failed", "none"],
  ),
  keptLogBytes: integer(65_536, "most that is kept of a file; of a larger one its beginning and its end", {
    least: 256,
    most: 1_048_576,
  }),
  keptLogDays: integer(7, "how long former runs and what is kept of them are remembered", { least: 1, most: 3_650 }),
  keptLogMegabytes: integer(1_024, "what former runs may take of the database; beyond that the oldest go", {
    least: 1,
    most: 10_000_000,
  }),
  vmSizes,
  mountSources,
  corsOrigins: text("", "web pages elsewhere that may call the API: their origins, separated by blanks", {
    placeholder: "ORIGINS",
    pattern: /^(https?:\/\/[^\s/]+( +https?:\/\/[^\s/]+)*)?$/,
    rule: "origins such as https://portal.example, without a path, separated by blanks",
  }),
  eventGrain: choice("all", "of which changes of tasks the feed of events tells; of everything else it tells all", [
    "all",
    "failures",
    "none",
  ]),
  eventRetentionHours: integer(24, "how long events are kept", { least: 1, most: 8_760 }),
  eventRetentionCount: integer(10_000_000, "how many events are kept at most, or about a sixth more", {
    least: 1_000,
    most: 1_000_000_000,
  }),
  webhookNetworks,
  preemptionSeconds: integer(30, "time for which a preempted node stays away", { least: 0, most: 86_400 }),
} as const;

type ServerValues = SettingValues<typeof serverSettings>;
export type Settings = SettingValues<typeof tuningSettings>;

/** Everything an operator decided, read once at the start. */
export interface Config extends Omit<ServerValues, "dataDir"> {
  readonly dataDir: string;
  readonly settings: Settings;
  /** Undefined unless there is a collector of OpenTelemetry to tell. */
  readonly telemetry: TelemetrySettings | undefined;
  /** Our own environment without our own variables, which hold secrets: what processes we start may inherit. */
  readonly childEnvironment: Readonly<Record<string, string | undefined>>;
}

/** What can be tuned, untouched. */
export function defaultSettings(): Settings {
  return readSettings(tuningSettings, [], []);
}

/** The machine, as far as the configuration depends on it. */
export interface Machine {
  readonly directory: string;
  readonly homeDirectory: string;
  readonly isRoot: boolean;
  /** Text of a file; undefined when there is none. */
  readonly readText: (file: string) => string | undefined;
}

export const thisMachine = (): Machine => ({
  directory: process.cwd(),
  homeDirectory: homedir(),
  isRoot: process.getuid?.() === 0,
  readText: (file) => {
    try {
      return readFileSync(file, "utf8");
    } catch (error) {
      if (hasErrorCode(error, "ENOENT", "ENOTDIR")) return undefined;
      throw error;
    }
  },
});

/** Everything that is wrong with the configuration, a line each. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The configuration is wrong:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
    this.problems = problems;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the configuration: a flag wins over a `KYANITE_` variable, that over `kyanite.yaml` in the current directory
 * (or the file that `--config` names), that over the default. `argv` begins with the first flag.
 * @throws ConfigError with every problem, each with the setting's name as it was given.
 */
export async function readConfig(
  argv: readonly string[],
  env: Environment = process.env,
  machine: Machine = thisMachine(),
): Promise<Config> {
  const problems: string[] = [];
  const flags = readFlags(argv, ["config", ...names], problems);
  const variables = readVariables(env, ["config", ...names]);
  const file = await readFile(flags.get("config") ?? variables.get("config"), machine, problems);
  const sources = [flags, variables, file].map((found) => ({
    find: (name: string) => {
      const value = found.get(kebab(name));
      return value && { directory: machine.directory, ...value };
    },
  }));
  const { dataDir, ...server } = readSettings(serverSettings, sources, problems);
  const settings = readSettings(tuningSettings, sources, problems);
  checkTogether(settings, problems);
  const telemetry = readTelemetry(env, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  const childEnvironment = withoutOurs(env);
  return { ...server, settings, telemetry, childEnvironment, dataDir: dataDir ?? defaultDataDirectory(env, machine) };
}

const names = [...Object.keys(serverSettings), ...Object.keys(tuningSettings)].map(kebab);

async function readFile(given: Found | undefined, machine: Machine, problems: string[]): Promise<FoundSettings> {
  const file = resolve(machine.directory, given?.text ?? "kyanite.yaml");
  const content = machine.readText(file);
  if (content !== undefined) return readYaml(content, file, names, problems);
  if (given !== undefined) problems.push(`${given.origin}: there is no file ${file}`);
  return new Map();
}

function checkTogether({ heartbeatSeconds, nodeSilentSeconds }: Settings, problems: string[]): void {
  if (nodeSilentSeconds < 2 * heartbeatSeconds)
    problems.push(
      "node-silent-seconds: must be at least twice heartbeat-seconds, or healthy nodes would count as lost",
    );
}

function defaultDataDirectory(env: Environment, { homeDirectory, isRoot }: Machine): string {
  if (isRoot) return "/var/lib/kyanite";
  const shared = env.XDG_DATA_HOME;
  return shared ? join(shared, "kyanite") : join(homeDirectory, ".kyanite");
}

function withoutOurs(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(KYANITE|OTEL)_/.test(name)));
}

/** Name, value and meaning of a flag, for the command line's help. */
export interface FlagDescription {
  readonly flag: string;
  readonly help: string;
}

const configFlag = {
  flag: "--config PATH",
  help: "file with settings (default: kyanite.yaml in the current directory)",
};

/** All flags of a server. */
export function describeFlags(): readonly FlagDescription[] {
  return [...Object.entries({ ...serverSettings, ...tuningSettings }).map(describe), configFlag];
}

/** Those by which a command finds the server that runs. */
export function describeFindingFlags(): readonly FlagDescription[] {
  return [describe(["dataDir", serverSettings.dataDir]), configFlag];
}

function describe([name, setting]: readonly [string, Setting<unknown>]): FlagDescription {
  const initial = String(setting.initial ?? "");
  const text = initial === "" ? "" : ` (default: ${initial})`;
  return { flag: `--${kebab(name)} ${setting.placeholder}`, help: setting.help + text };
}
