import {
  type ContainerFlag,
  type ContainerOption,
  ContainerOptionError,
  fieldsOf,
} from "@kyanite/contract/container-options";
import type { ContainerCreateOptions, EndpointSettings, HostConfig, MountSettings } from "dockerode";
import type { Amounts } from "../limits.ts";
import { bytesOf, integerOf, nanosecondsOf, numberOf, pairOf, portsOf } from "./units.ts";

/** Something that is mounted, from a place that is known to be where it should be. */
export interface ContainerBind {
  readonly kind: "bind" | "volume" | "tmpfs";
  readonly source: string | undefined;
  readonly target: string;
  readonly isReadOnly: boolean;
  readonly details: Readonly<Record<string, string>>;
}

/** What a container is made of. */
export interface ContainerParts {
  readonly kind: "docker" | "podman";
  /** Whether root inside is an ordinary user of the machine. */
  readonly isRootless: boolean;
  readonly image: string;
  readonly options: readonly ContainerOption[];
  readonly name: string;
  /** After the image's entry point; the image's own command when empty. */
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Unless the options name another. */
  readonly user: string;
  /** Whether nothing inside may have more rights than that user, unless the options name another. */
  readonly isNeverRoot: boolean;
  /** The image's own when absent. */
  readonly directory: string | undefined;
  readonly network: string | undefined;
  readonly mounts: readonly ContainerBind[];
  readonly limits: Amounts;
  /** How the runtime gives the machine's GPUs, where it has some: to every container, unless the options choose. */
  readonly gpus: "requests" | "cdi" | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly log: NonNullable<HostConfig["LogConfig"]>;
}

/** What the options make of it, piece by piece. */
interface Draft {
  readonly body: ContainerCreateOptions;
  readonly host: HostOptions;
  readonly endpoint: EndpointSettings;
  readonly environment: Map<string, string>;
  readonly labels: Record<string, string>;
  readonly health: NonNullable<ContainerCreateOptions["Healthcheck"]>;
}

/** With what newer versions of the API have besides. */
interface HostOptions extends HostConfig {
  Annotations?: Readonly<Record<string, string>>;
  CgroupnsMode?: string;
}

type Apply = (draft: Draft, value: string, written: string) => void;

/** The container that the API of Docker is asked for. */
export function createBody(parts: ContainerParts): ContainerCreateOptions {
  const draft: Draft = {
    body: {},
    host: {},
    endpoint: {},
    environment: new Map(Object.entries(parts.environment)),
    labels: {},
    health: {},
  };
  for (const { flag, value, written } of parts.options) table[flag](draft, value, written);
  const { body, host, endpoint, environment, labels, health } = draft;
  const network = host.NetworkMode ?? parts.network;
  const security = securityOf(draft, parts, network);
  const limited = { ...gpusOf(host, parts.gpus), ...withLimits(host, parts.limits) };
  return {
    User: parts.user,
    ...(parts.directory === undefined ? {} : { WorkingDir: parts.directory }),
    ...body,
    name: parts.name,
    Image: parts.image,
    ...(parts.args.length > 0 ? { Cmd: [...parts.args] } : {}),
    Env: [...environment].map(([name, value]) => `${name}=${value}`),
    Labels: { ...labels, ...parts.labels },
    AttachStdout: true,
    AttachStderr: true,
    ...(Object.keys(health).length > 0 ? { Healthcheck: health } : {}),
    ...(Object.keys(endpoint).length > 0
      ? { NetworkingConfig: { EndpointsConfig: { [network ?? "default"]: endpoint } } }
      : {}),
    HostConfig: {
      OomScoreAdj: taskOomScore,
      ...limited,
      ...(network === undefined ? {} : { NetworkMode: network }),
      // Who is root inside must not hear what others of the machine say to each other.
      ...(network === "host" && !hasNetRaw(host) ? { CapDrop: [...(host.CapDrop ?? []), "NET_RAW"] } : {}),
      ...(security.length > 0 ? { SecurityOpt: [...(host.SecurityOpt ?? []), ...security] } : {}),
      LogConfig: parts.log,
      Mounts: (parts.kind === "podman" ? parts.mounts.map(unambiguous) : parts.mounts).map((mount) =>
        mountSettings(mount, parts.labels),
      ),
    },
  };
}

function securityOf({ body, host }: Draft, parts: ContainerParts, network: string | undefined): readonly string[] {
  const isConfined = body.User === undefined && parts.isNeverRoot;
  // There Podman shows the machine's own /sys, where its user may have control groups to change.
  const seesGroups = parts.kind === "podman" && parts.isRootless && network === "host" && host.Privileged !== true;
  return [...(isConfined ? ["no-new-privileges"] : []), ...(seesGroups ? ["mask=/sys/fs/cgroup"] : [])];
}

const allGpus = { Driver: "", Count: -1, DeviceIDs: [], Capabilities: [["gpu"]], Options: {} };

function gpusOf({ DeviceRequests, Devices }: HostConfig, gpus: ContainerParts["gpus"]): HostConfig {
  if (DeviceRequests || Devices || gpus === undefined) return {};
  if (gpus === "requests") return { DeviceRequests: [allGpus] };
  return { Devices: [{ PathOnHost: "nvidia.com/gpu=all", PathInContainer: "", CgroupPermissions: "" }] };
}

/** As for all tasks: they are ended before anything else of the machine when its memory runs out. */
const taskOomScore = 500;

const hasNetRaw = ({ Privileged, CapAdd = [] }: HostConfig) =>
  Privileged === true || [...CapAdd].some((name: string) => /^(cap_)?(net_raw|all)$/i.test(name));

/** Nobody takes more than the slots have, but less if they ask for that. */
function withLimits(host: HostConfig, { pids, memory, cpu }: Amounts): HostConfig {
  const least = (given: number | null | undefined, most: number) => (given && given > 0 ? Math.min(given, most) : most);
  const period = host.CpuPeriod || 100_000;
  const hasQuota = host.CpuPeriod !== undefined || host.CpuQuota !== undefined;
  const bytes = memory === undefined ? undefined : least(host.Memory, memory);
  return {
    ...host,
    ...(pids === undefined ? {} : { PidsLimit: least(host.PidsLimit, pids) }),
    // Swap is no way around it.
    ...(bytes === undefined ? {} : { Memory: bytes, MemorySwap: bytes }),
    ...(cpu === undefined
      ? {}
      : hasQuota
        ? { CpuQuota: least(host.CpuQuota, Math.round(cpu * period)) }
        : { NanoCpus: least(host.NanoCpus, Math.round(cpu * 1e9)) }),
  };
}

/** Podman writes a mount as one text and reads that again, where a part of a path would be another source. */
function unambiguous(mount: ContainerBind): ContainerBind {
  const unclear = [mount.source, mount.target].find((path) => path !== undefined && /[,"\r\n]/.test(path));
  if (unclear === undefined) return mount;
  throw new ContainerOptionError(
    `Podman mounts nothing with a comma, a quotation mark or a line end in its path: ${JSON.stringify(unclear)}`,
  );
}

function mountSettings(
  { kind, source, target, isReadOnly, details }: ContainerBind,
  labels: ContainerParts["labels"],
): MountSettings {
  const size = details["tmpfs-size"];
  const mode = details["tmpfs-mode"];
  const propagation =
    details["bind-propagation"] ?? Object.keys(details).find((name) => /^r?(private|shared|slave)$/.test(name));
  return {
    Type: kind,
    Source: source ?? "",
    Target: target,
    ReadOnly: isReadOnly,
    ...(kind === "bind" && propagation !== undefined
      ? { BindOptions: { Propagation: propagationOf(propagation) } }
      : {}),
    ...(kind === "volume" ? { VolumeOptions: volumeOptions(details, source === undefined ? labels : {}) } : {}),
    ...(kind === "tmpfs" && (size !== undefined || mode !== undefined)
      ? {
          TmpfsOptions: {
            SizeBytes: size === undefined ? 0 : bytesOf(size),
            Mode: mode === undefined ? 0o1777 : Number.parseInt(mode, 8),
          },
        }
      : {}),
  };
}

function propagationOf(text: string) {
  const known = (["private", "rprivate", "shared", "rshared", "slave", "rslave"] as const).find((one) => one === text);
  if (known === undefined) throw new ContainerOptionError(`There is no bind-propagation ${JSON.stringify(text)}`);
  return known;
}

function volumeOptions(
  details: Readonly<Record<string, string>>,
  labels: ContainerParts["labels"],
): NonNullable<MountSettings["VolumeOptions"]> {
  const option = details["volume-opt"];
  const [name, value] = option === undefined ? [undefined, undefined] : pairOf(option, "=", "no volume-opt");
  const isCopied = details["volume-nocopy"] === undefined && details.nocopy === undefined;
  return {
    NoCopy: !isCopied,
    Labels: labels,
    DriverConfig: { Name: details["volume-driver"] ?? "local", Options: name === undefined ? {} : { [name]: value } },
  };
}

const isOn = (value: string) => value === "true";
const accepted: Apply = () => {};

/** What the service decides itself. */
const refused =
  (why: string, isHarmless: (value: string) => boolean = () => false): Apply =>
  (_, value, written) => {
    if (!isHarmless(value)) throw new ContainerOptionError(`The option ${written} ${value}: ${why}`);
  };

/** Options that are one property of the host's part. */
const host =
  (change: (value: string, before: HostOptions) => Partial<HostOptions>): Apply =>
  ({ host }, value) =>
    void Object.assign(host, change(value, host));

const rate = (value: string) => {
  const [Path, amount] = pairOf(value, ":", "no device and rate");
  return { Path, Rate: bytesOf(amount) };
};

const rates = (name: keyof HostOptions): Apply =>
  host((value, before) => ({ [name]: [...(before[name] ?? []), rate(value)] }));

const many = (name: keyof HostOptions): Apply =>
  host((value, before) => ({ [name]: [...(before[name] ?? []), value] }));

const body =
  (change: (value: string) => Partial<ContainerCreateOptions>): Apply =>
  (draft, value) =>
    void Object.assign(draft.body, change(value));

const health =
  (change: (value: string) => Draft["health"]): Apply =>
  (draft, value) =>
    void Object.assign(draft.health, change(value));

const address =
  (change: (value: string, before: EndpointSettings["IPAMConfig"]) => object): Apply =>
  (draft, value) => {
    draft.endpoint.IPAMConfig = { ...draft.endpoint.IPAMConfig, ...change(value, draft.endpoint.IPAMConfig) };
  };

/** Every option, and what becomes of it. Mounts and files have been looked at before. */
const table: Readonly<Record<ContainerFlag, Apply>> = {
  "add-host": many("ExtraHosts"),
  annotation: host((value, before) => {
    const [name, text] = pairOf(value, "=", "no annotation");
    return { Annotations: { ...before.Annotations, [name]: text } };
  }),
  attach: refused("a task has no standard input", (value) => /^std(?:out|err)$/i.test(value)),
  "blkio-weight": host((value) => ({ BlkioWeight: integerOf(value) })),
  "blkio-weight-device": host((value, before) => {
    const [Path, weight] = pairOf(value, ":", "no device and weight");
    return { BlkioWeightDevice: [...(before.BlkioWeightDevice ?? []), { Path, Weight: integerOf(weight) }] };
  }),
  "cap-add": many("CapAdd"),
  "cap-drop": many("CapDrop"),
  "cgroup-parent": host((value) => ({ CgroupParent: value })),
  cgroupns: host((value) => ({ CgroupnsMode: value })),
  cidfile: refused("the service writes no such file"),
  "cpu-period": host((value) => ({ CpuPeriod: integerOf(value) })),
  "cpu-quota": host((value) => ({ CpuQuota: integerOf(value) })),
  "cpu-rt-period": host((value) => ({ CpuRealtimePeriod: integerOf(value) })),
  "cpu-rt-runtime": host((value) => ({ CpuRealtimeRuntime: integerOf(value) })),
  "cpu-shares": host((value) => ({ CpuShares: integerOf(value) })),
  cpus: host((value) => ({ NanoCpus: Math.round(numberOf(value) * 1e9) })),
  "cpuset-cpus": host((value) => ({ CpusetCpus: value })),
  "cpuset-mems": host((value) => ({ CpusetMems: value })),
  device: host((value, before) => {
    // Not a file but a name, such as nvidia.com/gpu=0.
    if (/^[\w.-]+\/[\w.-]+=/.test(value)) {
      const request = { Driver: "cdi", Count: 0, DeviceIDs: [value], Capabilities: [], Options: {} };
      return { DeviceRequests: [...(before.DeviceRequests ?? []), request] };
    }
    const [PathOnHost = "", inside = PathOnHost, permissions] = value.split(":");
    const isPermission = permissions === undefined && /^[rwm]{1,3}$/.test(inside);
    const device = {
      PathOnHost,
      PathInContainer: isPermission ? PathOnHost : inside,
      CgroupPermissions: permissions ?? (isPermission ? inside : "rwm"),
    };
    return { Devices: [...(before.Devices ?? []), device] };
  }),
  "device-cgroup-rule": many("DeviceCgroupRules"),
  "device-read-bps": rates("BlkioDeviceReadBps"),
  "device-read-iops": rates("BlkioDeviceReadIOps"),
  "device-write-bps": rates("BlkioDeviceWriteBps"),
  "device-write-iops": rates("BlkioDeviceWriteIOps"),
  "disable-content-trust": refused("content trust is not checked here", isOn),
  dns: many("Dns"),
  "dns-option": many("DnsOptions"),
  "dns-search": many("DnsSearch"),
  domainname: body((Domainname) => ({ Domainname })),
  entrypoint: body((value) => ({ Entrypoint: [value] })),
  env: ({ environment }, value) => {
    const at = value.indexOf("=");
    // A name alone stands for what the task has anyway.
    if (at > 0) environment.set(value.slice(0, at), value.slice(at + 1));
  },
  "env-file": accepted,
  expose: ({ body }, value) => {
    const [ports = "", protocol = "tcp"] = value.split("/");
    for (const port of portsOf(ports)) body.ExposedPorts = { ...body.ExposedPorts, [`${port}/${protocol}`]: {} };
  },
  gpus: host((value, before) => ({ DeviceRequests: [...(before.DeviceRequests ?? []), gpuRequest(value)] })),
  "group-add": many("GroupAdd"),
  "health-cmd": health((value) => ({ Test: ["CMD-SHELL", value] })),
  "health-interval": health((value) => ({ Interval: nanosecondsOf(value) })),
  "health-retries": health((value) => ({ Retries: integerOf(value) })),
  "health-start-period": health((value) => ({ StartPeriod: nanosecondsOf(value) })),
  "health-timeout": health((value) => ({ Timeout: nanosecondsOf(value) })),
  hostname: body((Hostname) => ({ Hostname })),
  init: host((value) => ({ Init: isOn(value) })),
  // There is nobody to write anything: standard input is empty with and without it.
  interactive: accepted,
  ip: address((IPv4Address) => ({ IPv4Address })),
  ip6: address((IPv6Address) => ({ IPv6Address })),
  ipc: host((IpcMode) => ({ IpcMode })),
  isolation: refused("only Windows has that", (value) => value === "default"),
  "kernel-memory": host((value) => ({ KernelMemory: bytesOf(value) })),
  label: ({ labels }, value) => {
    const [name = "", ...rest] = value.split("=");
    labels[name] = rest.join("=");
  },
  "label-file": accepted,
  link: many("Links"),
  "link-local-ip": address((value, before) => ({ LinkLocalIPs: [...(before?.LinkLocalIPs ?? []), value] })),
  "log-driver": refused("the output goes to the task's files"),
  "log-opt": refused("the output goes to the task's files"),
  "mac-address": body((MacAddress) => ({ MacAddress })),
  memory: host((value) => ({ Memory: bytesOf(value) })),
  "memory-reservation": host((value) => ({ MemoryReservation: bytesOf(value) })),
  "memory-swap": host((value) => ({ MemorySwap: bytesOf(value) })),
  "memory-swappiness": host((value) => ({ MemorySwappiness: integerOf(value) })),
  mount: accepted,
  // Names are the machine's. What acts on a container by its name must find that of the task.
  name: accepted,
  network: host((NetworkMode) => ({ NetworkMode })),
  "network-alias": ({ endpoint }, value) => {
    endpoint.Aliases = [...(endpoint.Aliases ?? []), value];
  },
  "no-healthcheck": health((value) => (isOn(value) ? { Test: ["NONE"] } : {})),
  "oom-kill-disable": host((value) => ({ OomKillDisable: isOn(value) })),
  "oom-score-adj": host((value) => ({ OomScoreAdj: integerOf(value) })),
  pid: host((PidMode) => ({ PidMode })),
  "pids-limit": host((value) => ({ PidsLimit: integerOf(value) })),
  platform: body((platform) => ({ platform })),
  privileged: host((value) => ({ Privileged: isOn(value) })),
  publish: publishPorts,
  "publish-all": host((value) => ({ PublishAllPorts: isOn(value) })),
  pull: refused("must be always, missing or never", (value) => ["always", "missing", "never"].includes(value)),
  quiet: accepted,
  "read-only": host((value) => ({ ReadonlyRootfs: isOn(value) })),
  restart: refused("the service starts tasks again itself", (value) => value === "no" || value === ""),
  // Containers are always removed when they have ended, but only after their end is known.
  rm: accepted,
  runtime: host((Runtime) => ({ Runtime })),
  "security-opt": many("SecurityOpt"),
  "shm-size": host((value) => ({ ShmSize: bytesOf(value) })),
  "stop-signal": body((StopSignal) => ({ StopSignal })),
  "stop-timeout": body((value) => ({ StopTimeout: integerOf(value) })),
  "storage-opt": host((value, before) => {
    const [name, text] = pairOf(value, "=", "no storage option");
    return { StorageOpt: { ...before.StorageOpt, [name]: text } };
  }),
  sysctl: host((value, before) => {
    const [name, text] = pairOf(value, "=", "no sysctl");
    return { Sysctls: { ...before.Sysctls, [name]: text } };
  }),
  tmpfs: host((value, before) => {
    const [path = "", ...rest] = value.split(":");
    return { Tmpfs: { ...before.Tmpfs, [path]: rest.join(":") } };
  }),
  tty: body((value) => ({ Tty: isOn(value) })),
  ulimit: host((value, before) => {
    const [Name, range] = pairOf(value, "=", "no ulimit");
    const [soft = "", hard = soft] = range.split(":");
    return { Ulimits: [...(before.Ulimits ?? []), { Name, Soft: integerOf(soft), Hard: integerOf(hard) }] };
  }),
  user: body((User) => ({ User })),
  userns: host((UsernsMode) => ({ UsernsMode })),
  uts: host((UTSMode) => ({ UTSMode })),
  volume: accepted,
  "volume-driver": host((VolumeDriver) => ({ VolumeDriver })),
  "volumes-from": many("VolumesFrom"),
  workdir: body((WorkingDir) => ({ WorkingDir })),
};

/** `[[address:]port:]port[/protocol]`, where each port may be several. */
function publishPorts({ body, host }: Draft, value: string): void {
  const [, HostIp = "", hostPorts = "", ports = "", protocol = "tcp"] =
    /^(?:(?:(\[[^\]]*\]|[^:]*):)?([\d-]*):)?([\d-]+)(?:\/(\w+))?$/.exec(value) ?? [];
  const inside = portsOf(ports);
  const outside = hostPorts === "" ? [] : portsOf(hostPorts);
  if (outside.length > 0 && outside.length !== inside.length)
    throw new ContainerOptionError(`${JSON.stringify(value)} does not have as many ports on both sides`);
  for (const [index, port] of inside.entries()) {
    const name = `${port}/${protocol}`;
    const binding = { HostIp: HostIp.replace(/^\[|\]$/g, ""), HostPort: String(outside[index] ?? "") };
    body.ExposedPorts = { ...body.ExposedPorts, [name]: {} };
    host.PortBindings = { ...host.PortBindings, [name]: [...(host.PortBindings?.[name] ?? []), binding] };
  }
}

/** `all`, a number, or fields such as `device=0`. */
function gpuRequest(value: string): NonNullable<HostConfig["DeviceRequests"]>[number] {
  const request = { Driver: "", Count: 0, DeviceIDs: [] as string[], Capabilities: [["gpu"]], Options: {} };
  for (const field of fieldsOf(value.replace(/^'(.*)'$/s, "$1"))) {
    const [name = "", text] = field.split("=", 2);
    if (text === undefined) request.Count = countOf(name);
    else if (name === "count") request.Count = countOf(text);
    else if (name === "device") request.DeviceIDs = [...text.split(",")];
    else if (name === "driver") request.Driver = text;
    else if (name === "capabilities") request.Capabilities = [["gpu", ...text.split(",")]];
    else throw new ContainerOptionError(`GPUs have no property ${JSON.stringify(name)}`);
  }
  return request;
}

const countOf = (text: string) => (text === "all" ? -1 : integerOf(text));
