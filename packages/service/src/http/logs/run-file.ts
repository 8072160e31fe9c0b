import type { Readable } from "node:stream";
import { BatchError } from "@kyanite/contract";
import { type FollowFrame, FrameReader } from "@kyanite/contract/follow-frames";
import type { Clock } from "@kyanite/runtime";
import type { NodeFiles } from "../agents/node-files.ts";
import type { FileFate } from "./piece.ts";

/** A file on a node that is followed, or read to its end. */
export interface RunFile {
  readonly nodePk: number;
  /** Below the node's root. */
  readonly path: string;
  readonly isLive: boolean;
  /** When it is the run's: begins and ends with it. */
  readonly runId?: string;
}

/** Where to begin: at a byte, or so many bytes before the end. */
export type FileStart = { readonly offset: number } | { readonly tail: number };

export interface RunFileContext {
  readonly nodeFiles: NodeFiles;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Whether the run is over, as the database has it: then its node is not waited for long. */
  readonly isRunOver: () => boolean;
}

export type FilePart =
  | { readonly kind: "beat" }
  | { readonly kind: "opened"; readonly offset: number }
  | { readonly kind: "data"; readonly offset: number; readonly bytes: Uint8Array };

/** How it ended: all is sent, the file is no more what it was, or the node cannot be reached. */
export type FileEnd = "complete" | "broken" | FileFate;

/** Agents send a beat every ten seconds. */
const silentMilliseconds = 30_000;
const overMilliseconds = 5_000;
const lookMilliseconds = 500;

/**
 * What comes of a file, in one go.
 * @throws BatchError when the node refuses it or cannot be reached
 */
export async function* readRunFile(
  file: RunFile,
  start: FileStart,
  context: RunFileContext,
): AsyncGenerator<FilePart, FileEnd> {
  const { nodePk, ...asked } = file;
  const place = "tail" in start ? { tail: start.tail } : { start: start.offset };
  const { body } = await context.nodeFiles.request(nodePk, { operation: "follow", ...asked, ...place }, context.signal);
  let position: number | undefined;
  const frames = framesOf(body, { ...context, isOpen: () => position !== undefined });
  for await (const frame of frames) {
    switch (frame.kind) {
      case "beat":
        yield frame;
        break;
      case "opened":
        position = frame.offset;
        yield frame;
        break;
      case "data":
        yield { kind: "data", offset: position ?? 0, bytes: frame.bytes };
        position = (position ?? 0) + frame.bytes.length;
        break;
      case "ended":
        if (frame.how === "nodeLeaving") return "broken";
        return frame.how === "sent" || frame.how === "runEnded" ? "complete" : frame.how;
    }
  }
  return "broken";
}

type Watching = RunFileContext & { readonly isOpen: () => boolean };

/** The frames of an answer; none more when it breaks off, falls silent, or nobody wants it. */
async function* framesOf(body: Readable, context: Watching): AsyncGenerator<FollowFrame> {
  const reader = new FrameReader();
  const silence = watchSilence(body, context);
  const end = () => body.destroy();
  context.signal.addEventListener("abort", end, { once: true });
  try {
    for await (const chunk of body) {
      silence.pause();
      yield* reader.read(chunk);
      silence.resume();
      if (context.signal.aborted) return;
    }
  } catch (cause) {
    if (cause instanceof BatchError) throw cause;
    // Broken off: whoever reads goes on elsewhere.
  } finally {
    context.signal.removeEventListener("abort", end);
    silence.stop();
    body.destroy();
  }
}

/** Ends an answer that says nothing for too long while it is waited for. */
function watchSilence(body: Readable, { clock, isOpen, isRunOver }: Watching) {
  const stopped = new AbortController();
  let since: number | undefined = clock.elapsed();
  const most = () => (isRunOver() ? (isOpen() ? overMilliseconds : 0) : silentMilliseconds);
  const look = async () => {
    while (!stopped.signal.aborted) {
      await clock.sleep(lookMilliseconds, stopped.signal);
      if (since !== undefined && clock.elapsed() - since > most()) body.destroy();
    }
  };
  void look();
  return {
    pause: () => {
      since = undefined;
    },
    resume: () => {
      since = clock.elapsed();
    },
    stop: () => stopped.abort(),
  };
}
