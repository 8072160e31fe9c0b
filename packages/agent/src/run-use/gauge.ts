import { readFileSync } from "node:fs";
import type { RunUse } from "@kyanite/contract";
import { type CpuSeconds, type InputOutput, processCpu, processIo, processMemory } from "./accounts.ts";
import { CounterFile } from "./counter-file.ts";
import type { GroupCounters } from "./group-counters.ts";

/** So many of a run's processes are looked at; with more of them, what they have is known in part. */
const mostMembers = 64;

/** Reads what commands of a waiting process have used, from its control group where there is one. */
export class Gauge {
  readonly #pid: number;
  readonly #group: GroupCounters | undefined;
  readonly #stat: CounterFile;
  readonly #io: CounterFile;
  #last: RunUse | undefined;

  /** @param pid of the process that waits for the commands: the system counts for it what its children have used */
  constructor(pid: number, group: GroupCounters | undefined) {
    this.#pid = pid;
    this.#group = group;
    this.#stat = new CounterFile(`/proc/${pid}/stat`);
    this.#io = new CounterFile(`/proc/${pid}/io`);
  }

  /**
   * A command is about to begin: what was used before is none of its own. Between commands nothing is used, so what was
   * read last is good still, and a short command costs one reading instead of two.
   */
  begin(): RunUse {
    this.#group?.begin();
    return this.#last ?? this.read();
  }

  /** What all commands together have used that have ended. */
  read(): RunUse {
    const cpu = this.#group?.cpu();
    const ended = cpu ? undefined : processCpu(this.#stat.read())?.ended;
    const peakBytes = this.#group?.peakBytes();
    const io = processIo(this.#io.read());
    this.#last = {
      ...(cpu && { cpu: { source: "controlGroup", ...cpu } }),
      ...(ended && { cpu: { source: "processes", ...ended } }),
      ...(peakBytes !== undefined && { memory: { source: "controlGroup", peakBytes } }),
      ...(io && { io: { source: "processes", ...io } }),
    };
    return this.#last;
  }

  /**
   * What they have used together with those that run still.
   * @param members who they are; without them, those that have not left their parents are found
   */
  look(members: readonly number[] = descendantsOf(this.#pid)): RunUse {
    const ended = this.read();
    const living = members.slice(0, mostMembers).map(lookAt);
    const cpu = ended.cpu?.source === "controlGroup" ? [] : living.flatMap((each) => each.cpu ?? []);
    const io = living.flatMap((each) => each.io ?? []);
    const bytes = living.reduce((sum, each) => sum + each.bytes, 0);
    const peakBytes = Math.max(bytes, ...living.map((each) => each.peakBytes));
    return {
      ...ended,
      ...(ended.cpu && { cpu: cpu.reduce<NonNullable<RunUse["cpu"]>>(addCpu, ended.cpu) }),
      ...(ended.io && { io: io.reduce<NonNullable<RunUse["io"]>>(addIo, ended.io) }),
      ...(!ended.memory && living.length > 0 && { memory: { source: "processes", peakBytes } }),
    };
  }

  close(): void {
    this.#group?.close();
    this.#stat.close();
    this.#io.close();
  }
}

function descendantsOf(pid: number): readonly number[] {
  const found = [pid];
  for (const each of found) {
    if (found.length > mostMembers) break;
    found.push(...read(each, `task/${each}/children`).split(" ").filter(Boolean).map(Number));
  }
  return found.slice(1);
}

function lookAt(pid: number) {
  const cpu = processCpu(read(pid, "stat"));
  return {
    cpu: cpu && addCpu(cpu.own, cpu.ended),
    io: processIo(read(pid, "io")),
    ...(processMemory(read(pid, "status")) ?? { bytes: 0, peakBytes: 0 }),
  };
}

function read(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    // It has ended meanwhile, or is not ours to look at.
    return "";
  }
}

const addCpu = <Each extends CpuSeconds>(sum: Each, more: CpuSeconds): Each => ({
  ...sum,
  userSeconds: sum.userSeconds + more.userSeconds,
  kernelSeconds: sum.kernelSeconds + more.kernelSeconds,
});

const addIo = <Each extends InputOutput>(sum: Each, more: InputOutput): Each => ({
  ...sum,
  readBytes: sum.readBytes + more.readBytes,
  writeBytes: sum.writeBytes + more.writeBytes,
  readOperations: sum.readOperations + more.readOperations,
  writeOperations: sum.writeOperations + more.writeOperations,
});
