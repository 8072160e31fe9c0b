import { ContainerOptionError, parseContainerOptions } from "@kyanite/contract/container-options";
import { describe, expect, test } from "vitest";
import { type ContainerParts, createBody } from "./create-body.ts";

const bodyOf = (options: string, parts: Partial<ContainerParts> = {}) =>
  createBody({
    kind: "docker",
    isRootless: false,
    image: "busybox:1",
    options: parseContainerOptions(options),
    name: "a-name",
    args: ["echo", "a"],
    environment: { A: "1" },
    user: "1000:1000",
    isNeverRoot: true,
    directory: "/root/wd",
    network: undefined,
    mounts: [],
    limits: {},
    gpus: undefined,
    labels: { "kyanite.run": "r" },
    log: { Type: "none", Config: {} },
    ...parts,
  });

test("without options a container has what the task has", () => {
  expect(bodyOf("")).toEqual({
    name: "a-name",
    Image: "busybox:1",
    User: "1000:1000",
    WorkingDir: "/root/wd",
    Cmd: ["echo", "a"],
    Env: ["A=1"],
    Labels: { "kyanite.run": "r" },
    AttachStdout: true,
    AttachStderr: true,
    HostConfig: {
      OomScoreAdj: 500,
      SecurityOpt: ["no-new-privileges"],
      LogConfig: { Type: "none", Config: {} },
      Mounts: [],
    },
  });
});

test("an empty command line leaves the image's own command", () =>
  expect(bodyOf("", { args: [] })).not.toHaveProperty("Cmd"));

describe("each option is a property of the API's body", () => {
  test.each([
    ["--rm -i -q --attach stdout --isolation default --restart no", {}],
    ["--workdir / --entrypoint /bin/bash -t", { WorkingDir: "/", Entrypoint: ["/bin/bash"], Tty: true }],
    ["--entrypoint ''", { Entrypoint: [""] }],
    ["-e B=2=3 -e A=9 -e NAME", { Env: ["A=9", "B=2=3"] }],
    ["-l a=b --label kyanite.run=mine", { Labels: { a: "b", "kyanite.run": "r" } }],
    ["--hostname h --domainname d --mac-address m", { Hostname: "h", Domainname: "d", MacAddress: "m" }],
    ["--name another --platform linux/arm64", { name: "a-name", platform: "linux/arm64" }],
    ["--stop-signal INT --stop-timeout 3", { StopSignal: "INT", StopTimeout: 3 }],
    ["--expose 80 --expose 90-91/udp", { ExposedPorts: { "80/tcp": {}, "90/udp": {}, "91/udp": {} } }],
    [
      "--health-cmd true --health-interval 1m30s --health-retries 2 --health-timeout 500ms --health-start-period 1s",
      { Healthcheck: { Test: ["CMD-SHELL", "true"], Interval: 9e10, Retries: 2, Timeout: 5e8, StartPeriod: 1e9 } },
    ],
    ["--no-healthcheck", { Healthcheck: { Test: ["NONE"] } }],
    [
      "--network-alias a --ip 10.0.0.9 --ip6 ::9 --link-local-ip 169.254.0.9 --network mine",
      {
        NetworkingConfig: {
          EndpointsConfig: {
            mine: {
              Aliases: ["a"],
              IPAMConfig: { IPv4Address: "10.0.0.9", IPv6Address: "::9", LinkLocalIPs: ["169.254.0.9"] },
            },
          },
        },
      },
    ],
  ])("%s", (options, expected) => expect(bodyOf(options)).toMatchObject(expected));

  test.each([
    [
      "--add-host a:1.2.3.4 --dns 1.1.1.1 --dns-opt x --dns-search y",
      { ExtraHosts: ["a:1.2.3.4"], Dns: ["1.1.1.1"], DnsOptions: ["x"], DnsSearch: ["y"] },
    ],
    [
      "--annotation a=b --cgroup-parent p --cgroupns private",
      { Annotations: { a: "b" }, CgroupParent: "p", CgroupnsMode: "private" },
    ],
    [
      "--blkio-weight 300 --blkio-weight-device /dev/sda:200",
      { BlkioWeight: 300, BlkioWeightDevice: [{ Path: "/dev/sda", Weight: 200 }] },
    ],
    ["--cap-add A --cap-add B --cap-drop ALL", { CapAdd: ["A", "B"], CapDrop: ["ALL"] }],
    [
      "-c 512 --cpus 1.5 --cpuset-cpus 0-1 --cpuset-mems 0",
      { CpuShares: 512, NanoCpus: 1.5e9, CpusetCpus: "0-1", CpusetMems: "0" },
    ],
    [
      "--cpu-period 50000 --cpu-quota 25000 --cpu-rt-period 1 --cpu-rt-runtime 2",
      { CpuPeriod: 50_000, CpuQuota: 25_000, CpuRealtimePeriod: 1, CpuRealtimeRuntime: 2 },
    ],
    [
      "--device /dev/a --device /dev/b:/dev/c:r --device /dev/d:rw",
      {
        Devices: [
          { PathOnHost: "/dev/a", PathInContainer: "/dev/a", CgroupPermissions: "rwm" },
          { PathOnHost: "/dev/b", PathInContainer: "/dev/c", CgroupPermissions: "r" },
          { PathOnHost: "/dev/d", PathInContainer: "/dev/d", CgroupPermissions: "rw" },
        ],
      },
    ],
    ["--device-cgroup-rule 'c 1:3 mr'", { DeviceCgroupRules: ["c 1:3 mr"] }],
    [
      "--device-read-bps /dev/a:1mb --device-write-iops /dev/a:9",
      {
        BlkioDeviceReadBps: [{ Path: "/dev/a", Rate: 1_048_576 }],
        BlkioDeviceWriteIOps: [{ Path: "/dev/a", Rate: 9 }],
      },
    ],
    [
      "--gpus all",
      { DeviceRequests: [{ Driver: "", Count: -1, DeviceIDs: [], Capabilities: [["gpu"]], Options: {} }] },
    ],
    [
      `--gpus '"device=0,2",capabilities=utility,driver=nvidia'`,
      {
        DeviceRequests: [
          { Driver: "nvidia", Count: 0, DeviceIDs: ["0", "2"], Capabilities: [["gpu", "utility"]], Options: {} },
        ],
      },
    ],
    [
      "--group-add video --init --ipc private --kernel-memory 64m --link a:b",
      { GroupAdd: ["video"], Init: true, IpcMode: "private", KernelMemory: 67_108_864, Links: ["a:b"] },
    ],
    [
      "-m 1.5g --memory-reservation 1g --memory-swap -1 --memory-swappiness 10",
      { Memory: 1_610_612_736, MemoryReservation: 1_073_741_824, MemorySwap: -1, MemorySwappiness: 10 },
    ],
    [
      "--oom-kill-disable --oom-score-adj 700 --pid host --pids-limit 9 --privileged",
      { OomKillDisable: true, OomScoreAdj: 700, PidMode: "host", PidsLimit: 9, Privileged: true },
    ],
    [
      "-p 8080:80 -p 127.0.0.1::90/udp -P",
      {
        PublishAllPorts: true,
        PortBindings: {
          "80/tcp": [{ HostIp: "", HostPort: "8080" }],
          "90/udp": [{ HostIp: "127.0.0.1", HostPort: "" }],
        },
      },
    ],
    [
      "--read-only --runtime runc --shm-size 64m --storage-opt size=1G",
      { ReadonlyRootfs: true, Runtime: "runc", ShmSize: 67_108_864, StorageOpt: { size: "1G" } },
    ],
    [
      "--sysctl net.core.somaxconn=9 --tmpfs /a:size=1m,exec --tmpfs /b",
      { Sysctls: { "net.core.somaxconn": "9" }, Tmpfs: { "/a": "size=1m,exec", "/b": "" } },
    ],
    [
      "--ulimit nofile=10:20 --ulimit memlock=-1",
      {
        Ulimits: [
          { Name: "nofile", Soft: 10, Hard: 20 },
          { Name: "memlock", Soft: -1, Hard: -1 },
        ],
      },
    ],
    [
      "--userns host --uts host --volume-driver d --volumes-from a",
      { UsernsMode: "host", UTSMode: "host", VolumeDriver: "d", VolumesFrom: ["a"] },
    ],
    ["--network host", { NetworkMode: "host", CapDrop: ["NET_RAW"] }],
    ["--security-opt no-new-privileges -u 0", { SecurityOpt: ["no-new-privileges"] }],
  ])("of its host's part: %s", (options, expected) => expect(bodyOf(options).HostConfig).toMatchObject(expected));
});

test("root inside hears nothing of the machine's network, unless that is asked for", () => {
  expect(bodyOf("", { network: "host" }).HostConfig).toMatchObject({ NetworkMode: "host", CapDrop: ["NET_RAW"] });
  expect(bodyOf("--cap-add net_raw --net host").HostConfig).not.toHaveProperty("CapDrop");
});

test("control groups of the machine are hidden where Podman of an ordinary user would show them", () => {
  const of = (options: string) =>
    bodyOf(options, { kind: "podman", isRootless: true, isNeverRoot: false }).HostConfig?.SecurityOpt;
  expect(of("--network host")).toEqual(["mask=/sys/fs/cgroup"]);
  expect(of("--network none")).toBeUndefined();
  expect(of("--network host --privileged")).toBeUndefined();
});

test("another user than the task's may become root inside, as its image lets it", () => {
  expect(bodyOf("--user app")).toMatchObject({ User: "app" });
  expect(bodyOf("--user app").HostConfig).not.toHaveProperty("SecurityOpt");
  expect(bodyOf("", { isNeverRoot: false }).HostConfig).not.toHaveProperty("SecurityOpt");
});

test("nobody takes more than the slots have, but less if asked for", () => {
  const limits = { memory: 1000, cpu: 1, pids: 10 };
  expect(bodyOf("", { limits }).HostConfig).toMatchObject({
    Memory: 1000,
    MemorySwap: 1000,
    NanoCpus: 1e9,
    PidsLimit: 10,
  });
  expect(bodyOf("-m 2g --memory-swap -1 --cpus 8 --pids-limit -1", { limits }).HostConfig).toMatchObject({
    Memory: 1000,
    MemorySwap: 1000,
    NanoCpus: 1e9,
    PidsLimit: 10,
  });
  expect(bodyOf("-m 500 --cpus .5 --pids-limit 3".replace(".5", "0.5"), { limits }).HostConfig).toMatchObject({
    Memory: 500,
    MemorySwap: 500,
    NanoCpus: 5e8,
    PidsLimit: 3,
  });
  expect(bodyOf("--cpu-quota 500000", { limits }).HostConfig).toMatchObject({ CpuQuota: 100_000 });
});

test("GPUs of the machine are for every container, unless its options choose", () => {
  const all = [{ Driver: "", Count: -1, DeviceIDs: [], Capabilities: [["gpu"]], Options: {} }];
  expect(bodyOf("", { gpus: "requests" }).HostConfig).toMatchObject({ DeviceRequests: all });
  expect(bodyOf("", { gpus: "cdi" }).HostConfig?.Devices).toMatchObject([{ PathOnHost: "nvidia.com/gpu=all" }]);
  expect(bodyOf("--gpus 1", { gpus: "requests" }).HostConfig?.DeviceRequests).toMatchObject([{ Count: 1 }]);
  expect(bodyOf("--device nvidia.com/gpu=0", { gpus: "requests" }).HostConfig?.DeviceRequests).toMatchObject([
    { Driver: "cdi", DeviceIDs: ["nvidia.com/gpu=0"] },
  ]);
  expect(bodyOf("").HostConfig).not.toHaveProperty("DeviceRequests");
});

test("mounts", () => {
  const of = (kind: "bind" | "volume" | "tmpfs", details = {}) =>
    bodyOf("", {
      mounts: [{ kind, source: kind === "tmpfs" ? undefined : "s", target: "/t", isReadOnly: true, details }],
    }).HostConfig?.Mounts;
  expect(of("bind")).toEqual([{ Type: "bind", Source: "s", Target: "/t", ReadOnly: true }]);
  expect(of("bind", { rslave: "true" })).toMatchObject([{ BindOptions: { Propagation: "rslave" } }]);
  expect(of("volume", { nocopy: "true" })).toMatchObject([{ VolumeOptions: { NoCopy: true, Labels: {} } }]);
  expect(of("tmpfs", { "tmpfs-size": "1k", "tmpfs-mode": "700" })).toMatchObject([
    { Type: "tmpfs", Source: "", TmpfsOptions: { SizeBytes: 1024, Mode: 0o700 } },
  ]);
});

test("volumes without a name have the labels of their container", () => {
  const mount = { kind: "volume", source: undefined, target: "/t", isReadOnly: false, details: {} } as const;
  expect(bodyOf("", { mounts: [mount] }).HostConfig?.Mounts).toMatchObject([
    { VolumeOptions: { Labels: { "kyanite.run": "r" } } },
  ]);
});

test.each(["/t,src=/etc", '/t"', "/t\n"])("podman mounts no %j, which it would read as something else", (path) => {
  const mount = { kind: "bind", source: "/s", target: "/t", isReadOnly: true, details: {} } as const;
  const body = (kind: "docker" | "podman", part: object) => () => bodyOf("", { kind, mounts: [{ ...mount, ...part }] });
  for (const part of [{ target: path }, { source: path }]) {
    expect(body("podman", part)).toThrow(ContainerOptionError);
    expect(body("docker", part)().HostConfig?.Mounts).toHaveLength(1);
  }
});

test.each([
  "--attach stdin",
  "--cidfile /x",
  "--log-driver json-file",
  "--log-opt max-size=1m",
  "--restart always",
  "--isolation hyperv",
  "--disable-content-trust=false",
  "--pull sometimes",
  "--memory lots",
  "--cpus many",
  "--cpu-shares 1.5",
  "--health-interval 5",
  "--ulimit nofile",
  "--publish x",
  "-p 1-2:1",
  "--gpus colour=red",
  "--expose 99999",
])("%s is refused", (options) => expect(() => bodyOf(options)).toThrow(ContainerOptionError));
