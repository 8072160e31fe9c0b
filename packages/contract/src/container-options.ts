import { hasOpenQuote, splitCommandLine } from "./command-line.ts";

/**
 * `containerRunOptions`: arguments of `docker create`, as its users write them. This file alone knows which there are,
 * and which of them reach beyond the container: the service asks that of what it is given, and agents act on it.
 */

/** What follows a flag: its value, or nothing, since it is switched on by being there. */
const flags = {
  "add-host": "value",
  annotation: "value",
  attach: "value",
  "blkio-weight": "value",
  "blkio-weight-device": "value",
  "cap-add": "value",
  "cap-drop": "value",
  "cgroup-parent": "value",
  cgroupns: "value",
  cidfile: "value",
  "cpu-period": "value",
  "cpu-quota": "value",
  "cpu-rt-period": "value",
  "cpu-rt-runtime": "value",
  "cpu-shares": "value",
  cpus: "value",
  "cpuset-cpus": "value",
  "cpuset-mems": "value",
  device: "value",
  "device-cgroup-rule": "value",
  "device-read-bps": "value",
  "device-read-iops": "value",
  "device-write-bps": "value",
  "device-write-iops": "value",
  "disable-content-trust": "switch",
  dns: "value",
  "dns-option": "value",
  "dns-search": "value",
  domainname: "value",
  entrypoint: "value",
  env: "value",
  "env-file": "value",
  expose: "value",
  gpus: "value",
  "group-add": "value",
  "health-cmd": "value",
  "health-interval": "value",
  "health-retries": "value",
  "health-start-period": "value",
  "health-timeout": "value",
  hostname: "value",
  init: "switch",
  interactive: "switch",
  ip: "value",
  ip6: "value",
  ipc: "value",
  isolation: "value",
  "kernel-memory": "value",
  label: "value",
  "label-file": "value",
  link: "value",
  "link-local-ip": "value",
  "log-driver": "value",
  "log-opt": "value",
  "mac-address": "value",
  memory: "value",
  "memory-reservation": "value",
  "memory-swap": "value",
  "memory-swappiness": "value",
  mount: "value",
  name: "value",
  network: "value",
  "network-alias": "value",
  "no-healthcheck": "switch",
  "oom-kill-disable": "switch",
  "oom-score-adj": "value",
  pid: "value",
  "pids-limit": "value",
  platform: "value",
  privileged: "switch",
  publish: "value",
  "publish-all": "switch",
  pull: "value",
  quiet: "switch",
  "read-only": "switch",
  restart: "value",
  rm: "switch",
  runtime: "value",
  "security-opt": "value",
  "shm-size": "value",
  "stop-signal": "value",
  "stop-timeout": "value",
  "storage-opt": "value",
  sysctl: "value",
  tmpfs: "value",
  tty: "switch",
  ulimit: "value",
  user: "value",
  userns: "value",
  uts: "value",
  volume: "value",
  "volume-driver": "value",
  "volumes-from": "value",
  workdir: "value",
} as const satisfies Readonly<Record<string, "value" | "switch">>;

export type ContainerFlag = keyof typeof flags;

const otherNames: Readonly<Record<string, ContainerFlag>> = {
  a: "attach",
  c: "cpu-shares",
  "dns-opt": "dns-option",
  e: "env",
  h: "hostname",
  i: "interactive",
  l: "label",
  m: "memory",
  net: "network",
  "net-alias": "network-alias",
  P: "publish-all",
  p: "publish",
  q: "quiet",
  t: "tty",
  u: "user",
  v: "volume",
  w: "workdir",
};

/** One option. A switch has the value `true` or `false`. */
export interface ContainerOption {
  readonly flag: ContainerFlag;
  readonly value: string;
  /** As it was written, for messages. */
  readonly written: string;
}

/** What is wrong with `containerRunOptions`. */
export class ContainerOptionError extends Error {}

/** As much as a program like `docker` can be given in one argument; whoever reads it must not take long. */
const mostCharacters = 131_072;

/** Of each the agent has work to do. */
const mostMounts = 100;
const mostFiles = 20;

/**
 * Reads container options as a shell and the program `docker create` would.
 * @throws ContainerOptionError for what is no option, for one that nobody knows, and for too much
 */
export function parseContainerOptions(text: string): readonly ContainerOption[] {
  if (text.length > mostCharacters)
    throw new ContainerOptionError(`Options have at most ${mostCharacters} characters together`);
  if (hasOpenQuote(text)) throw new ContainerOptionError("A quote is opened and not closed");
  const words = splitCommandLine(text).values();
  const options: ContainerOption[] = [];
  for (const word of words) for (const option of readOption(word, words)) options.push(option);
  const count = (...those: readonly ContainerFlag[]) => options.filter(({ flag }) => those.includes(flag)).length;
  if (count("volume", "mount", "tmpfs") > mostMounts)
    throw new ContainerOptionError(`There are at most ${mostMounts} mounts`);
  if (count("env-file", "label-file") > mostFiles)
    throw new ContainerOptionError(`There are at most ${mostFiles} files of variables`);
  return options;
}

function readOption(word: string, following: Iterator<string, undefined>): readonly ContainerOption[] {
  const long = /^--([^=]+)(?:=(.*))?$/s.exec(word);
  if (long) return [optionOf(`--${long[1]}`, longFlag(long[1] ?? ""), long[2], following)];
  if (!/^-[A-Za-z]/.test(word)) throw new ContainerOptionError(`${quoted(word)} is no option`);
  const options: ContainerOption[] = [];
  // Several switches in one word, of which the last may have a value.
  for (let at = 1; at < word.length; at += 1) {
    const written = `-${word[at]}`;
    const flag = known(otherNames[word[at] ?? ""], written);
    const rest = word.slice(at + 1);
    const isWhole = flags[flag] === "value" || rest.startsWith("=");
    const given = isWhole && rest !== "" ? rest.replace(/^=/, "") : undefined;
    options.push(optionOf(written, flag, given, following));
    if (isWhole) break;
  }
  return options;
}

const longFlag = (name: string) => known(isFlag(name) ? name : name.length > 1 && otherNames[name], `--${name}`);

function known(flag: ContainerFlag | false | undefined, written: string): ContainerFlag {
  if (!flag) throw new ContainerOptionError(`There is no option ${quoted(written)}`);
  return flag;
}

const isFlag = (name: string): name is ContainerFlag => Object.hasOwn(flags, name);

function optionOf(
  written: string,
  flag: ContainerFlag,
  given: string | undefined,
  following: Iterator<string, undefined>,
) {
  if (flags[flag] === "switch") return { flag, written, value: switchValue(written, given ?? "true") };
  const value = given ?? following.next().value;
  if (value === undefined) throw new ContainerOptionError(`The option ${written} has no value`);
  return { flag, written, value };
}

function switchValue(written: string, value: string): "true" | "false" {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(value)) return "true";
  if (["0", "f", "F", "false", "FALSE", "False"].includes(value)) return "false";
  throw new ContainerOptionError(`The option ${written} is true or false, not ${quoted(value)}`);
}

const quoted = (text: string) => JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);

/** Where something that a container sees comes from. */
export interface ContainerMount {
  readonly kind: "bind" | "volume" | "tmpfs";
  /** Of the machine, for a bind; a name, for a volume; none for one without a name. */
  readonly source: string | undefined;
  readonly target: string;
  readonly isReadOnly: boolean;
  /** Whether a directory is made where there is no source. */
  readonly makesSource: boolean;
  /** Whatever else is asked for, such as `size` of a tmpfs. */
  readonly details: Readonly<Record<string, string>>;
}

/**
 * What `--volume` mounts: `[source:]target[:options]`.
 * @throws ContainerOptionError when it is not of that form
 */
export function parseVolume(value: string): ContainerMount {
  const parts = value.split(":");
  const [first = "", second, third] = parts;
  if (parts.length > 3 || parts.includes("")) throw new ContainerOptionError(`${quoted(value)} is no volume`);
  const target = second ?? first;
  if (!target.startsWith("/")) throw new ContainerOptionError(`${quoted(value)} has no absolute path in the container`);
  const source = second === undefined ? undefined : first;
  const options = third?.split(",") ?? [];
  const unknown = options.find((option) => !volumeOptions.includes(option));
  if (unknown !== undefined) throw new ContainerOptionError(`A volume has no option ${quoted(unknown)}`);
  return {
    kind: source !== undefined && isPath(source) ? "bind" : "volume",
    source,
    target,
    isReadOnly: options.includes("ro"),
    makesSource: true,
    details: Object.fromEntries(options.filter((option) => !/^r[ow]$/.test(option)).map((option) => [option, "true"])),
  };
}

const propagations = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];
const volumeOptions = ["ro", "rw", "z", "Z", "nocopy", "consistent", "cached", "delegated", ...propagations];

const isPath = (source: string) => /^[/.~$]/.test(source);

/**
 * What `--mount` mounts: names and values, separated by commas, in quotes where they have commas themselves.
 * @throws ContainerOptionError when it is not of that form
 */
export function parseMount(value: string): ContainerMount {
  const pairs = fieldsOf(value).map((field) => {
    const [, name = "", text = "true"] = /^([^=]*)(?:=(.*))?$/s.exec(field) ?? [];
    return [name.toLowerCase(), text] as const;
  });
  const {
    type = "volume",
    source,
    src = source,
    target,
    dst = target,
    destination = dst,
    readonly,
    ro = readonly,
    ...details
  }: Readonly<Record<string, string>> = Object.fromEntries(pairs);
  if (type !== "bind" && type !== "volume" && type !== "tmpfs")
    throw new ContainerOptionError(`There is no mount of type ${quoted(type)}`);
  if (!destination?.startsWith("/"))
    throw new ContainerOptionError(`${quoted(value)} has no absolute path in the container`);
  if (type === "bind" && src === undefined) throw new ContainerOptionError(`${quoted(value)} has no source`);
  const isReadOnly = ro === "true" || ro === "1";
  return { kind: type, source: src, target: destination, isReadOnly, makesSource: false, details };
}

/** Fields of a list with commas, where quotes keep some together, as in CSV. */
export const fieldsOf = (value: string): readonly string[] =>
  (value.match(/"(?:[^"]|"")*"|[^,]+/g) ?? []).map((field) => field.replace(/^"(.*)"$/s, "$1").replaceAll('""', '"'));

/** The mount that an option asks for, if it asks for one. */
export function mountOf({ flag, value }: ContainerOption): ContainerMount | undefined {
  if (flag === "volume") return parseVolume(value);
  return flag === "mount" ? parseMount(value) : undefined;
}

/** Variables of a task stand for what they are in its environment; no others. */
export const containerVariable = /\$(?:\{(AZ_BATCH_\w+)\}|(AZ_BATCH_\w+))/g;

const anyVariable = /\$\{?AZ_BATCH_/;

const directories =
  "(?:NODE_ROOT|NODE_SHARED|NODE_STARTUP|NODE_MOUNTS|TASK|TASK_WORKING|TASK_SHARED|JOB_PREP|JOB_PREP_WORKING|CERTIFICATES)_DIR";
const nodePath = new RegExp(
  `^\\$(?:\\{AZ_BATCH_(?:${directories}|APP_PACKAGE_\\w+)\\}|AZ_BATCH_(?:${directories}|APP_PACKAGE_\\w+))(?:/|$)`,
);

/** Whether a source, as it was written, is a place below the node's root; agents check where it really leads. */
export const isOfNode = (source: string) => nodePath.test(source) && !anyVariable.test(source.replace(nodePath, ""));

/** What programs have always asked for of the machine, and may have to read. */
const harmlessSource = /^\/etc\/(?:ssl\/certs|pki)(?:\/(?!\.\.(?:\/|$))[^/]*)*$/;

/** Whether everybody may ask for a directory of the machine, to read it. */
export const isHarmlessSource = (source: string) => harmlessSource.test(source);

/** Whether an option gives more rights inside a container than the task's own user has. */
export const givesRights = ({ flag }: Pick<ContainerOption, "flag">) => flag === "user" || flag === "group-add";

/**
 * What of the machine, outside the node, an option reaches; undefined when it reaches nothing.
 * @throws ContainerOptionError when it is not of the form that it should have
 */
export function hostReach(option: ContainerOption): string | undefined {
  const { flag, value, written } = option;
  const mount = mountOf(option);
  if (mount) return mountReach(mount);
  if (flag === "env-file" || flag === "label-file") return isOfNode(value) ? undefined : `${written} ${value}`;
  const reaches = reaching[flag];
  if (reaches === undefined) return undefined;
  return anyVariable.test(value) || reaches(value) ? `${written} ${value}` : undefined;
}

const always = () => true;
const isSwitchedOn = (value: string) => value === "true";

/** Any other namespace is that of the machine or of another container, or somewhere in its files. */
const isForeign = (value: string) => !/^(?:private|shareable|none)?$/.test(value);

/** What runtimes make of more than a name is a namespace, or arguments of a program on the machine. */
const isMoreThanNetwork = (value: string) => !/^[\w.-]*$/.test(value);

/** Runtimes look at any path that they are given here. */
const isNoDevice = (value: string) => !/^\/dev\/[\w/-]+:[^:]*$/.test(value);

/** Otherwise any device that the machine describes can be asked for. */
const isOtherDriver = (value: string) =>
  fieldsOf(value).some((field) => /driver/i.test(field) && !/^'?driver=nvidia'?$/.test(field));

/** Who may run before all others of the machine may keep them from running. */
const givesPriority = (value: string) => /^(?:rtprio|rttime|nice)\b/i.test(value.trim());

const reaching: Readonly<Partial<Record<ContainerFlag, (value: string) => boolean>>> = {
  // Runtimes and their hooks do things on the machine for some.
  annotation: always,
  "blkio-weight-device": isNoDevice,
  "cap-add": always,
  "cgroup-parent": always,
  cgroupns: isForeign,
  "cpu-rt-period": always,
  "cpu-rt-runtime": always,
  device: always,
  "device-cgroup-rule": always,
  "device-read-bps": isNoDevice,
  "device-read-iops": isNoDevice,
  "device-write-bps": isNoDevice,
  "device-write-iops": isNoDevice,
  gpus: isOtherDriver,
  ipc: isForeign,
  link: always,
  network: isMoreThanNetwork,
  "oom-kill-disable": isSwitchedOn,
  "oom-score-adj": (value) => Number(value) < 0,
  pid: isForeign,
  privileged: isSwitchedOn,
  runtime: always,
  "security-opt": (value) => !/^no-new-privileges(?:[:=]true)?$/.test(value),
  ulimit: givesPriority,
  userns: always,
  uts: isForeign,
  "volume-driver": always,
  "volumes-from": always,
};

function mountReach({ kind, source, isReadOnly, details }: ContainerMount): string | undefined {
  const isShared = Object.entries(details).some(([name, value]) => /^r?shared$/.test(name) || /^r?shared$/.test(value));
  const isDriven = Object.keys(details).some((name) => /^volume-(?:driver|opt)$/.test(name));
  if (isShared) return `a mount of ${source ?? "a volume"} that changes the machine's own mounts`;
  if (isDriven) return "a volume with a driver or options of its own";
  if (kind === "bind" && source !== undefined) {
    if (isOfNode(source) || (isReadOnly && isHarmlessSource(source))) return undefined;
    return `a mount of ${source}`;
  }
  return source !== undefined && anyVariable.test(source) ? `a volume ${source}` : undefined;
}
