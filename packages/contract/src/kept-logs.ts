import Type, { type Static } from "typebox";
import { model, optional, StringEnum } from "./schema.ts";

/** Of which runs files are kept. */
export const KeptRuns = StringEnum(["all", "failed", "none"]);
export type KeptRuns = Static<typeof KeptRuns>;

/** Below the task's directory, with slashes; no way out of it, and nothing that a terminal would act on. */
const keptPath = "^(?!\\.{0,2}(/|$))[^\\x00-\\x1f\\x7f/]+(/(?!\\.{0,2}(/|$))[^\\x00-\\x1f\\x7f/]+)*$";

export const KeptLogs = model("KeptLogs", "What the service keeps of a task's runs, for when their node is gone.", {
  runs: optional(KeptRuns, "Of which runs anything is kept; as the server's settings say when absent."),
  filePaths: optional(
    Type.Array(Type.String({ pattern: keptPath, maxLength: 256 }), { maxItems: 10 }),
    "Files to be kept besides stdout.txt and stderr.txt, by their paths below the task's directory, such as `wd/report.json`.",
  ),
});
export type KeptLogs = Static<typeof KeptLogs>;
