import type { KeptFile, RunStep } from "@kyanite/contract";
import type { Job } from "../domain/job/job.ts";
import {
  type EndedTask,
  expectedFiles,
  mostPastRuns,
  type NewPastRun,
  type PastFile,
  pastRunOf,
} from "../domain/run/past-run.ts";
import { notedSteps } from "../domain/run/run-steps.ts";
import type { Sql } from "../store/database.ts";
import { addAwaited, forgetEarlierRuns, insertPastRuns, readTasksThatAwait } from "../store/past-runs.ts";

export interface EndedTaskOfJob extends EndedTask {
  readonly job: Pick<Job, "accountPk">;
}

/** Remembers the runs that have ended with these outcomes, as far as there is anything to remember of them. */
export async function recordPastRuns(sql: Sql, outcomes: readonly EndedTaskOfJob[], now: Date): Promise<void> {
  const runs = outcomes.flatMap((outcome) => {
    const run = pastRunOf(outcome, now);
    return run ? [{ ...rowOf(run), accountPk: outcome.job.accountPk }] : [];
  });
  if (runs.length === 0) return;
  await insertPastRuns(sql, runs, now);
  const often = outcomes.filter(({ before }) => triesOf(before) >= mostPastRuns).map(({ before }) => before.pk);
  if (often.length > 0) await forgetEarlierRuns(sql, often, mostPastRuns, now);
}

const triesOf = ({ retryCount, requeueCount, internalRetryCount }: EndedTask["before"]) =>
  retryCount + requeueCount + internalRetryCount;

interface AwaitedRun {
  readonly runId: string;
  readonly kept?: readonly KeptFile[] | undefined;
  readonly steps?: readonly RunStep[] | undefined;
}

/** What agents tell of runs that were taken from them: the run is over, but nobody knew what it had done and written. */
export async function recordAwaited(sql: Sql, runs: readonly AwaitedRun[]): Promise<void> {
  const given = new Map(
    runs.flatMap(({ runId, kept = [], steps = [] }) => {
      const noted = notedSteps(steps);
      return kept.length + noted.length > 0 ? [[runId, { kept, steps: noted }]] : [];
    }),
  );
  if (given.size === 0) return;
  const tasks = await readTasksThatAwait(sql, [...given.keys()]);
  const rows = tasks.map(({ runId, spec }) => {
    const { kept = [], steps = [] } = given.get(runId) ?? {};
    return { runId, steps, ...contentOf(expectedFiles(kept, { spec })) };
  });
  if (rows.length > 0) await addAwaited(sql, rows);
}

function rowOf({ kept, ...run }: NewPastRun) {
  return { ...run, ...contentOf(kept) };
}

/** The contents one after the other. A content that is not what its file says is left out. */
function contentOf(kept: readonly KeptFile[]): { readonly files: readonly PastFile[]; readonly content: string } {
  const contents: Buffer[] = [];
  const files = kept.flatMap(({ content, ...file }) => {
    if (content === undefined) return [file];
    const bytes = Buffer.from(content, "base64");
    if (!file.isDeflated && bytes.length !== file.contentBytes) return [];
    contents.push(bytes);
    return [{ ...file, storedBytes: bytes.length }];
  });
  return { files, content: Buffer.concat(contents).toString("base64") };
}
