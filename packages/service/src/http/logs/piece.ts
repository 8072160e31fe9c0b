import type { FollowEnd } from "@kyanite/contract/follow-frames";
import type { TaskLogEnd } from "../../domain/log/following.ts";
import type { StreamEnd } from "../open-streams.ts";

/** What has become of a file of which no more comes, though its run may go on. */
export type FileFate =
  | Extract<FollowEnd, "fileTruncated" | "fileReplaced" | "fileDeleted" | "fileUnreadable">
  | "fileNotFound";

/** Why a stream ends. */
export type LogEnd = TaskLogEnd | FileFate | "jobCompleted" | "jobDeleted" | "nodeRemoved" | StreamEnd;

/** What comes of logs, in order. */
export type LogPiece =
  /** Nothing new. */
  | { readonly kind: "beat" }
  /** From here on it is the output of this run of the task: what is kept of it, where its node is gone. */
  | { readonly kind: "run"; readonly run: number; readonly nodeId: string | null; readonly isKept: boolean }
  /** A file is open, and this byte of it comes next. */
  | { readonly kind: "opened"; readonly stream: string; readonly offset: number }
  | {
      readonly kind: "data";
      readonly run: number;
      readonly stream: string;
      readonly offset: number;
      readonly bytes: Uint8Array;
    }
  /** No more of a file of this run. */
  | { readonly kind: "file"; readonly run: number; readonly stream: string; readonly fate: FileFate }
  /** The run is over, and another is to come. */
  | {
      readonly kind: "runEnd";
      readonly run: number;
      readonly reason: LogEnd;
      readonly exitCode: number | null;
      /** Whether all of its output has been sent. */
      readonly isComplete: boolean;
    }
  | {
      readonly kind: "end";
      readonly reason: LogEnd;
      readonly exitCode?: number | null;
      readonly result?: string | null;
    };
