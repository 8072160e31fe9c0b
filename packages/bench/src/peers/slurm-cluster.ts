import { type ChildProcess, execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { availableParallelism, hostname } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePorts } from "@kyanite/testkit/server-process";
import { endProgram, isInstalled, startProgram } from "../programs.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { until } from "../work.ts";

export interface SlurmCluster extends AsyncDisposable {
  /** What Slurm's commands need to find it. */
  readonly env: Readonly<Record<string, string>>;
  hasJobs(): Promise<boolean>;
}

const programs = ["munged", "slurmctld", "slurmd", "srun", "sbatch", "squeue", "scancel", "sinfo"];

/** Why there can be no cluster here; undefined when there can. */
export async function whyNoSlurm(): Promise<string | undefined> {
  for (const program of programs) if (!(await isInstalled(program))) return `${program} is not installed`;
  return process.getuid?.() === 0 ? undefined : "its node has to run as root";
}

/** A cluster of this machine alone, with a directory, a key and ports of its own. */
export async function startSlurm(): Promise<SlurmCluster> {
  const home = await temporaryDirectory();
  const directory = home.path;
  const env = { SLURM_CONF: join(directory, "slurm.conf") };
  const ask = async (command: string, ...args: string[]) =>
    (await promisify(execFile)(command, args, { env: { ...process.env, ...env } })).stdout.trim();
  const hasJobs = async () => (await ask("squeue", "--noheader")) !== "";
  const daemons: ChildProcess[] = [];
  const endJobs = async () => {
    await ask("scancel", "--user=root");
    await until(async () => !(await hasJobs()), 10);
  };
  const stop = async () => {
    // Without a controller that answers there are no jobs either.
    await endJobs().catch(() => {});
    for (const daemon of daemons.toReversed()) await endProgram(daemon);
    await home[Symbol.asyncDispose]();
  };
  try {
    await writeFiles(directory);
    for (const [command = "", ...args] of [munged(directory), ["slurmctld", "-D"], ["slurmd", "-D"]])
      daemons.push(startProgram(command, args, { directory, env, errors: "ignore" }));
    await until(async () => (await ask("sinfo", "--noheader", "--format=%t").catch(() => "")) === "idle", 30);
    return { env, hasJobs, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const munged = (directory: string) => [
  "munged",
  "--foreground",
  ...["key-file", "socket", "pid-file", "log-file", "seed-file"].map((each) => `--${each}=${join(directory, each)}`),
];

/** Slurm knows a machine by the first part of its name. */
const machine = hostname().replace(/\..*/, "");

async function writeFiles(directory: string): Promise<void> {
  const [controllerPort, nodePort] = await freePorts(2);
  const settings = {
    ClusterName: "bench",
    SlurmctldHost: `${machine}(127.0.0.1)`,
    SlurmctldPort: controllerPort,
    SlurmdPort: nodePort,
    SlurmUser: "root",
    AuthType: "auth/munge",
    AuthInfo: `socket=${join(directory, "socket")}`,
    StateSaveLocation: join(directory, "state"),
    SlurmdSpoolDir: join(directory, "spool"),
    SlurmctldPidFile: join(directory, "slurmctld.pid"),
    SlurmdPidFile: join(directory, "slurmd.pid"),
    ProctrackType: "proctrack/linuxproc",
    TaskPlugin: "task/none",
    JobAcctGatherType: "jobacct_gather/none",
    AccountingStorageType: "accounting_storage/none",
    MpiDefault: "none",
    SelectType: "select/cons_tres",
    SelectTypeParameters: "CR_Core",
    // Three times the jobs of an array a second that there are with the defaults.
    SchedulerParameters: "batch_sched_delay=0,sched_interval=1,sched_min_interval=0",
  };
  const node = `NodeName=${machine} NodeAddr=127.0.0.1 CPUs=${availableParallelism()}`;
  const partition = `PartitionName=bench Nodes=${machine} Default=YES State=UP`;
  const lines = [...Object.entries(settings).map(([name, value]) => `${name}=${value}`), node, partition];
  await writeFile(join(directory, "slurm.conf"), `${lines.join("\n")}\n`);
  await writeFile(join(directory, "key-file"), randomBytes(128), { mode: 0o400 });
  for (const name of ["state", "spool"]) await mkdir(join(directory, name));
}
