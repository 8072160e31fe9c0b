import Type, { type Static } from "typebox";
import { mostCarriedBytes, mostKeptBytes } from "../kept-bounds.ts";
import { KeptRuns } from "../kept-logs.ts";
import { Instant } from "./values.ts";

/** What an agent is to keep of a run's files. */
export const OrderedKeeping = Type.Object({
  runs: KeptRuns,
  /** Of each file; of a larger one its beginning and its end. */
  mostBytes: Type.Integer(),
  /** Besides stdout.txt and stderr.txt, below the task's directory. */
  filePaths: Type.Array(Type.String()),
});
export type OrderedKeeping = Static<typeof OrderedKeeping>;

/**
 * A file of a run, as it is kept. What is missing in the middle of a large one is replaced by a line that says how many
 * bytes that are.
 */
export const KeptFile = Type.Object({
  /** Below the task's directory. */
  path: Type.String({ minLength: 1, maxLength: 256 }),
  /** Of the file as it was on its node. */
  sizeBytes: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  missingBytes: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  /** Of what is kept, the line at a gap included. */
  contentBytes: Type.Integer({ minimum: 0, maximum: mostKeptBytes }),
  lastModified: Instant,
  isDeflated: Type.Boolean(),
  /** Base64 of the content, deflated where that makes it smaller. Absent when it comes later. */
  content: Type.Optional(
    Type.String({ pattern: "^[A-Za-z0-9+/]*={0,2}$", maxLength: Math.ceil((mostCarriedBytes * 4) / 3) + 4 }),
  ),
});
export type KeptFile = Static<typeof KeptFile>;

/** The files of a run in its report, in which each has its number, beginning with 0. */
export const KeptFiles = Type.Array(KeptFile, { maxItems: 12 });
