import type { Readable } from "node:stream";
import type { NodeRequest } from "@kyanite/contract";
import { type FollowEnd, writeFrame } from "@kyanite/contract/follow-frames";
import { type Clock, hasErrorCode, streamed } from "@kyanite/runtime";
import type { FileWatches } from "./task-files/file-watches.ts";
import { type FilePlace, GrowingFile } from "./task-files/growing-file.ts";
import { Wake } from "./wake.ts";

/** What a follower has to know of the runs of its node. */
export interface FollowedRuns {
  /** Whether the run's command has been started: before, the files of an earlier run may be there. */
  hasBegun(runId: string): boolean;
  /** Calls `tell` when it is, until it is disposed of. */
  whenBegun(runId: string, tell: () => void): Disposable;
  /** Resolves when the run has ended; undefined when it is not under way. */
  untilEnded(runId: string): Promise<void> | undefined;
}

export interface FollowMeans {
  /** Of the node, absolute. */
  readonly root: string;
  readonly watches: FileWatches;
  readonly runs: FollowedRuns;
  readonly clock: Clock;
  /** Aborts when the node ends. */
  readonly signal: AbortSignal;
}

export type FollowRequest = Extract<NodeRequest, { operation: "follow" }>;

const chunkBytes = 128 * 1024;
/** How long more is waited for where little has come: a file that is written in small pieces is not read for each. */
const gatherMilliseconds = 30;
/** How often a file is looked at that nobody tells of, and one that is not there yet. */
const pollMilliseconds = 1_000;
const absentMilliseconds = 100;
/** Well within the time after which a connection without traffic is taken for dead. */
const beatMilliseconds = 10_000;

/**
 * The frames of a file, as it is written.
 * @throws when the file cannot be read, unless it may still come
 */
export function followFile(names: readonly string[], request: FollowRequest, means: FollowMeans): Readable {
  const place = { root: means.root, names };
  if (!mayCome(request)) new GrowingFile(place)[Symbol.dispose]();
  return streamed(async function* (stopped) {
    using wake = new Wake(means.clock, [stopped, means.signal]);
    const isOver = () => stopped.aborted || means.signal.aborted;
    const how = yield* framesOf(place, request, { ...means, wake, isOver });
    yield writeFrame({ kind: "ended", how: means.signal.aborted ? "nodeLeaving" : how });
  });
}

const mayCome = ({ isLive, runId }: FollowRequest) => isLive && runId !== undefined;

interface Following extends FollowMeans {
  readonly wake: Wake;
  /** Whether nobody is to be sent anything more. */
  readonly isOver: () => boolean;
}

async function* framesOf(
  place: FilePlace,
  request: FollowRequest,
  following: Following,
): AsyncGenerator<Uint8Array, FollowEnd> {
  const opened = yield* untilOpen(place, request, following);
  if (opened === undefined) return "fileUnreadable";
  using file = opened;
  const { sizeBytes } = file;
  const start = request.tail === undefined ? (request.start ?? 0) : Math.max(0, sizeBytes - request.tail);
  yield writeFrame({ kind: "opened", offset: start });
  if (start > sizeBytes) return "fileTruncated";
  if (!request.isLive) return yield* part(file, start, sizeBytes);
  return yield* live(file, start, { ...following, hasEnded: endOfRun(request, following) });
}

/** Undefined when there is something that cannot be read, or nobody waits any more. */
async function* untilOpen(
  place: FilePlace,
  { isLive, runId }: FollowRequest,
  { runs, wake, isOver, clock }: Following,
): AsyncGenerator<Uint8Array, GrowingFile | undefined> {
  using _ = runId === undefined ? undefined : runs.whenBegun(runId, wake.tell);
  // The first beat at once: nothing of an answer is sent before some of its body is there.
  let lastSent = Number.NEGATIVE_INFINITY;
  while (!isOver()) {
    const mayOpen = !isLive || runId === undefined || runs.hasBegun(runId);
    const file = mayOpen ? openIfThere(place) : "absent";
    if (file !== "absent") return file;
    if (clock.elapsed() - lastSent >= beatMilliseconds) {
      yield writeFrame({ kind: "beat" });
      lastSent = clock.elapsed();
    }
    await wake.pause(absentMilliseconds);
  }
  return undefined;
}

function openIfThere(place: FilePlace): GrowingFile | undefined | "absent" {
  try {
    return new GrowingFile(place);
  } catch (error) {
    return hasErrorCode(error, "ENOENT", "ENOTDIR") ? "absent" : undefined;
  }
}

/** Tells whether the run has ended, and wakes the follower when it does. A file of no run has none to wait for. */
function endOfRun({ runId }: FollowRequest, { runs, wake }: Following): () => boolean {
  if (runId === undefined) return () => false;
  let hasEnded = false;
  const end = () => {
    hasEnded = true;
    wake.tell();
  };
  const ending = runs.untilEnded(runId);
  if (ending) ending.then(end, end);
  else end();
  return () => hasEnded;
}

async function* part(file: GrowingFile, start: number, end: number): AsyncGenerator<Uint8Array, FollowEnd> {
  for (let position = start; position < end; ) {
    const bytes = await file.read(position, Math.min(chunkBytes, end - position));
    if (bytes.length === 0) return "fileTruncated";
    position += bytes.length;
    yield writeFrame({ kind: "data", bytes });
  }
  return "sent";
}

async function* live(
  file: GrowingFile,
  start: number,
  { watches, wake, clock, isOver, hasEnded }: Following & { readonly hasEnded: () => boolean },
): AsyncGenerator<Uint8Array, FollowEnd> {
  using _ = watches.add(file.file, wake.tell);
  let position = start;
  let lastSent = clock.elapsed();
  let end: FollowEnd | undefined;
  while (!isOver()) {
    // What is known before the end of the file is read to was true before the last byte of it was written.
    end ??= hasEnded() ? "runEnded" : undefined;
    const bytes = await file.read(position, chunkBytes);
    position += bytes.length;
    if (bytes.length > 0) {
      yield writeFrame({ kind: "data", bytes });
      lastSent = clock.elapsed();
      if (bytes.length < chunkBytes && end === undefined) await clock.sleep(gatherMilliseconds);
      continue;
    }
    if (file.sizeBytes < position) return "fileTruncated";
    if (end !== undefined) return end;
    const fate = file.fate();
    if (fate !== "same") end = fate;
    else await wake.pause(pollMilliseconds);
    if (clock.elapsed() - lastSent < beatMilliseconds) continue;
    yield writeFrame({ kind: "beat" });
    lastSent = clock.elapsed();
  }
  return "nodeLeaving";
}
