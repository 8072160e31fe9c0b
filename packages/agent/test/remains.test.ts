import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findControlGroups, systemClock } from "@kyanite/runtime";
import { expect, test } from "vitest";
import { endRemains } from "../src/containers/remains.ts";

const place = findControlGroups().pids?.directory;

test.skipIf(place === undefined)(
  "who is left in the control group of a container is ended, and the group goes",
  async () => {
    const containerId = randomBytes(32).toString("hex");
    const group = join(place ?? "", `libpod-${containerId}`);
    mkdirSync(group);
    const left = spawn("sleep", ["600"], { stdio: "ignore" });
    const ended = once(left, "exit");
    writeFileSync(join(group, "cgroup.procs"), String(left.pid));
    expect(await endRemains(containerId, systemClock)).toBe(1);
    expect(await ended).toEqual([null, "SIGKILL"]);
    expect(existsSync(group)).toBe(false);
  },
);
