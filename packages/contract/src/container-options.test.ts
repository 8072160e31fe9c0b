import { describe, expect, test } from "vitest";
import { ContainerOptionError, hostReach, mountOf, parseContainerOptions } from "./container-options.ts";

const read = (text: string) => parseContainerOptions(text).map(({ flag, value }) => `${flag}=${value}`);
const reach = (text: string) => parseContainerOptions(text).flatMap((option) => hostReach(option) ?? []);
const mounts = (text: string) => parseContainerOptions(text).flatMap((option) => mountOf(option) ?? []);

describe("options are read as docker reads them", () => {
  test.each([
    ["", []],
    ["--rm --workdir /", ["rm=true", "workdir=/"]],
    ["--rm=false -it", ["rm=false", "interactive=true", "tty=true"]],
    ["-w/data -e A=1 -e=B=2", ["workdir=/data", "env=A=1", "env=B=2"]],
    ['--entrypoint ""', ["entrypoint="]],
    ["--entrypoint=/bin/bash -c 512", ["entrypoint=/bin/bash", "cpu-shares=512"]],
    [`-e "MESSAGE=two words" -e 'OTHER=$HOME'`, ["env=MESSAGE=two words", "env=OTHER=$HOME"]],
    ["--net host -P", ["network=host", "publish-all=true"]],
    ["-itu 0:0", ["interactive=true", "tty=true", "user=0:0"]],
    ["--memory -1", ["memory=-1"]],
  ])("%s", (text, expected) => expect(read(text)).toEqual(expected));

  test.each([`-e 'A`, `-e "A`, `-e A="it's`, `-e A=it's --rm`, `-e "A\\"`])(
    "%s has a quote that is not closed",
    (text) => expect(() => read(text)).toThrow(/quote/),
  );

  test("quotes in quotes, and behind a backslash, close nothing", () =>
    expect(read(String.raw`-e "A='" -e 'B="' -e C=\' -e "D=\""`)).toEqual([
      "env=A='",
      'env=B="',
      "env=C='",
      'env=D="',
    ]));

  test.each(["--unknown", "image", "-x", "--env", "--rm=perhaps", "-- x", "--=x", "--e A=1", "-"])(
    "%s is refused",
    (text) => expect(() => read(text)).toThrow(ContainerOptionError),
  );

  test.each([
    ["characters", "-i ".repeat(200_000)],
    ["mounts", "-v /a:/b ".repeat(101)],
    ["temporary file systems", "--tmpfs /a ".repeat(101)],
    ["files of variables", "--env-file $AZ_BATCH_TASK_DIR/a ".repeat(21)],
  ])("too many %s are refused", (_, text) => expect(() => read(text)).toThrow(ContainerOptionError));

  test("as many switches in one word as there may be are read", () => {
    expect(read(`-${"i".repeat(131_000)}`)).toHaveLength(131_000);
  });
});

describe("mounts", () => {
  test.each([
    ["-v /a:/b", { kind: "bind", source: "/a", target: "/b", isReadOnly: false }],
    ["-v /a:/b:ro", { kind: "bind", source: "/a", target: "/b", isReadOnly: true }],
    ["-v cache:/b:nocopy", { kind: "volume", source: "cache", target: "/b", isReadOnly: false }],
    ["-v /b", { kind: "volume", source: undefined, target: "/b", isReadOnly: false }],
    ["--mount type=bind,source=/a,target=/b,readonly", { kind: "bind", source: "/a", target: "/b", isReadOnly: true }],
    ["--mount src=data,dst=/b", { kind: "volume", source: "data", target: "/b", isReadOnly: false }],
    [
      "--mount type=tmpfs,destination=/b,tmpfs-size=1k",
      { kind: "tmpfs", target: "/b", details: { "tmpfs-size": "1k" } },
    ],
    [`--mount 'type=bind,"source=/a,b",target=/c'`, { kind: "bind", source: "/a,b", target: "/c" }],
  ])("%s", (text, expected) => expect(mounts(text)).toMatchObject([expected]));

  test.each(["-v /a:b", "-v /a:/b:ro:x", "-v /a:/b:exec", "--mount type=npipe,dst=/a", "--mount type=bind,dst=/a"])(
    "%s is refused",
    (text) => expect(() => mounts(text)).toThrow(ContainerOptionError),
  );
});

describe("what reaches the machine", () => {
  test.each([
    "--rm --shm-size 1g --cpu-shares 512 --memory 1g --gpus all --network host --read-only --init",
    "-v $AZ_BATCH_TASK_WORKING_DIR/in:/input:ro -v \x24{AZ_BATCH_NODE_SHARED_DIR}:/shared",
    "-v $AZ_BATCH_APP_PACKAGE_blender:/blender",
    "-v /etc/ssl/certs:/etc/ssl/certs:ro -v /etc/pki:/etc/pki:ro",
    "-v data:/data -v /scratch --tmpfs /tmp:exec",
    "--mount type=bind,source=$AZ_BATCH_TASK_DIR,target=/x",
    "--privileged=false --ipc private --security-opt no-new-privileges --cap-drop ALL --user 0",
    "--env-file $AZ_BATCH_TASK_WORKING_DIR/variables",
    "--network my-net_1.a --ipc shareable --cgroupns private --uts= --ulimit nofile=1024:2048",
    "--device-read-bps /dev/sda:1mb --blkio-weight-device=/dev/mapper/vg-a:10",
    `--gpus '"device=0,1",driver=nvidia,capabilities=utility' --gpus 2`,
  ])("nothing: %s", (text) => expect(reach(text)).toEqual([]));

  test.each([
    "--privileged",
    "--pid host",
    "--pid=container:other",
    "--pid $AZ_BATCH_JOB_ID",
    "--ipc host",
    "--userns host",
    "--uts=host",
    "--network container:other",
    "--network ns:/proc/1/ns/net",
    "--network pasta:--pcap,/home/user/.bashrc",
    "--network slirp4netns:allow_host_loopback=true",
    "--ipc ns:/proc/1/ns/ipc",
    "--uts HOST",
    "--pid pod",
    "--cgroupns=ns:/x",
    "--annotation run.oci.hooks.stdout=/etc/cron.d/mine",
    "--device-read-bps /root/.ssh/id_rsa:1",
    "--device-write-iops /dev/../root:1",
    "--blkio-weight-device /etc/shadow:10",
    "--gpus driver=cdi,device=vendor.example/disk=all",
    `--gpus "'driver=cdi'"`,
    `--gpus 'count=1,"driver=cdi"'`,
    "--ulimit rtprio=99",
    "--ulimit=nice=40:40",
    "--device /dev/sda",
    "--cap-add SYS_ADMIN",
    "--security-opt seccomp=unconfined",
    "--oom-score-adj -1000",
    "-v /:/host",
    "-v /var/run/docker.sock:/var/run/docker.sock",
    "-v /etc/ssl/certs:/etc/ssl/certs",
    "-v /etc/ssl/certs/../../..:/host:ro",
    "-v $AZ_BATCH_MINE:/x",
    "-v $AZ_BATCH_TASK_DIR/$AZ_BATCH_JOB_ID:/x",
    "-v a$AZ_BATCH_JOB_ID:/x",
    "-v $AZ_BATCH_NODE_SHARED_DIR:/x:rshared",
    "--mount type=bind,src=$AZ_BATCH_TASK_DIR,dst=/x,bind-propagation=shared",
    "--mount type=volume,dst=/x,volume-opt=device=/",
    "--volumes-from other",
    "--env-file /etc/shadow",
  ])("something: %s", (text) => expect(reach(text)).toHaveLength(1));
});
