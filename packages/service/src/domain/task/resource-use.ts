import type { RunUse, UseSource } from "@kyanite/contract";

/** What runs have used together. The sources are those of the last run that had any. */
export interface ResourceUse {
  readonly userSeconds: number;
  readonly kernelSeconds: number;
  /** The highest of any run. */
  readonly memoryPeak: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly readOperations: number;
  readonly writeOperations: number;
}

/** Who has counted a task's use; null where nobody has. */
export interface UseSources {
  readonly cpu: UseSource | null;
  readonly memory: UseSource | null;
  readonly io: UseSource | null;
}

/** As it is kept with each task: without names, since there may be millions of them. */
export type StoredUse = readonly [
  cpu: UseSource | null,
  memory: UseSource | null,
  io: UseSource | null,
  userSeconds: number,
  kernelSeconds: number,
  memoryPeak: number,
  readBytes: number,
  writeBytes: number,
  readOperations: number,
  writeOperations: number,
];

export const noUse: ResourceUse = {
  userSeconds: 0,
  kernelSeconds: 0,
  memoryPeak: 0,
  readBytes: 0,
  writeBytes: 0,
  readOperations: 0,
  writeOperations: 0,
};

export function readUse(stored: StoredUse | null): { readonly use: ResourceUse; readonly sources: UseSources } {
  if (!stored) return { use: noUse, sources: { cpu: null, memory: null, io: null } };
  const [cpu, memory, io, userSeconds, kernelSeconds, memoryPeak, readBytes, writeBytes, ...operations] = stored;
  const [readOperations, writeOperations] = operations;
  return {
    use: { userSeconds, kernelSeconds, memoryPeak, readBytes, writeBytes, readOperations, writeOperations },
    sources: { cpu, memory, io },
  };
}

/** With what one more run has used; a run of which nobody has counted anything changes nothing. */
export function withRunUse(stored: StoredUse | null, { cpu, memory, io }: RunUse): StoredUse | null {
  if (!cpu && !memory && !io) return stored;
  const { use, sources } = readUse(stored);
  return [
    cpu?.source ?? sources.cpu,
    memory?.source ?? sources.memory,
    io?.source ?? sources.io,
    exact(use.userSeconds + (cpu?.userSeconds ?? 0)),
    exact(use.kernelSeconds + (cpu?.kernelSeconds ?? 0)),
    Math.max(use.memoryPeak, memory?.peakBytes ?? 0),
    use.readBytes + (io?.readBytes ?? 0),
    use.writeBytes + (io?.writeBytes ?? 0),
    use.readOperations + (io?.readOperations ?? 0),
    use.writeOperations + (io?.writeOperations ?? 0),
  ];
}

/** To the microsecond, which is what is counted: the rest is noise of addition, and long to write. */
const exact = (seconds: number) => Math.round(seconds * 1e6) / 1e6;

/** Sums, and the higher peak. */
export function addUse(one: ResourceUse, other: ResourceUse): ResourceUse {
  return {
    userSeconds: one.userSeconds + other.userSeconds,
    kernelSeconds: one.kernelSeconds + other.kernelSeconds,
    memoryPeak: Math.max(one.memoryPeak, other.memoryPeak),
    readBytes: one.readBytes + other.readBytes,
    writeBytes: one.writeBytes + other.writeBytes,
    readOperations: one.readOperations + other.readOperations,
    writeOperations: one.writeOperations + other.writeOperations,
  };
}

/** What came to a task's use by a change of the task. */
export function addedUse(before: StoredUse | null, after: StoredUse | null): ResourceUse {
  const [{ use: former }, { use }] = [readUse(before), readUse(after)];
  return {
    userSeconds: use.userSeconds - former.userSeconds,
    kernelSeconds: use.kernelSeconds - former.kernelSeconds,
    memoryPeak: use.memoryPeak,
    readBytes: use.readBytes - former.readBytes,
    writeBytes: use.writeBytes - former.writeBytes,
    readOperations: use.readOperations - former.readOperations,
    writeOperations: use.writeOperations - former.writeOperations,
  };
}
