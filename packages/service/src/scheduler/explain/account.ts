import type { Explanation } from "@kyanite/contract";
import { call, explanationOf, type Finding } from "./finding.ts";
import { are, count, have, names, verb } from "./words.ts";

/** A few of those that something is amiss with, by their ids, and how many were found up to a bound. */
export interface Found {
  readonly ids: readonly string[];
  readonly total: number;
}

export interface AccountFacts {
  readonly name: string;
  readonly openJobs: number;
  readonly jobQuota: number;
  readonly pools: number;
  readonly poolQuota: number;
  /** Pools with nodes that are unusable, out of reach, or whose start task has failed, and how many such nodes. */
  readonly sickPools: Found & { readonly nodes: number };
  readonly shortPools: Found;
  readonly failingFormulas: Found;
  readonly poollessJobs: Found;
  readonly disabledJobs: Found;
  /** Active jobs with failed tasks, and how many such tasks. */
  readonly failingJobs: Found & { readonly tasks: number };
  /** Jobs none of whose tasks goes on by itself. */
  readonly blockedJobs: Found;
  readonly unsatisfiableJobs: Found;
}

/** What of an account needs attention. */
export function explainAccount(facts: AccountFacts, now: Date): Explanation {
  const findings = [
    pools(
      "nodesHealthy",
      facts.sickPools,
      "No node is amiss",
      `${count(facts.sickPools.nodes, "node")} ${are(facts.sickPools.nodes)} amiss`,
    ),
    pools(
      "resizesReached",
      facts.shortPools,
      "Every pool has the nodes it should have",
      `${count(facts.shortPools.total, "pool")} ${have(facts.shortPools.total)} not the nodes that they should have`,
    ),
    pools(
      "formulasWork",
      facts.failingFormulas,
      "No formula fails",
      `The formulas of ${count(facts.failingFormulas.total, "pool")} fail`,
    ),
    jobs(
      "jobsHavePools",
      facts.poollessJobs,
      "Every active job has a pool",
      ({ total }) => `${count(total, "active job")} ${have(total)} no pool`,
    ),
    jobs(
      "tasksGoOn",
      facts.blockedJobs,
      "Tasks of every job can go on",
      ({ total }) => `In ${count(total, "job")} each active task waits for another`,
    ),
    jobs(
      "tasksSatisfiable",
      facts.unsatisfiableJobs,
      "No task needs more than its pool can have",
      ({ total }) => `${count(total, "job")} ${have(total)} tasks that can never run in their pool`,
    ),
    failing(facts),
    {
      ...jobs(
        "jobsEnabled",
        facts.disabledJobs,
        "No job is disabled",
        ({ total }) => `${count(total, "job")} ${are(total)} disabled`,
      ),
      passes: true,
    },
    quota("belowJobQuota", "active jobs and schedules", {
      used: facts.openJobs,
      quota: facts.jobQuota,
      setting: "active-job-and-job-schedule-quota",
    }),
    quota("belowPoolQuota", "pools", { used: facts.pools, quota: facts.poolQuota, setting: "pool-quota" }),
  ];
  const failed = findings.filter(({ holds }) => !holds);
  const otherwise = "Nothing in the account needs attention";
  const summary =
    failed.length < 2
      ? {}
      : {
          summary: `${count(failed.length, "thing")} ${verb(failed.length, "need")} attention: ${failed.map(({ text }) => lowerFirst(text)).join("; ")}`,
        };
  return explanationOf({ kind: "account", id: facts.name, now }, findings, { otherwise, ...summary });
}

const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1);

function pools(code: string, found: Found, fine: string, amiss: string): Finding {
  const [poolId] = found.ids;
  if (poolId === undefined) return { code, holds: true, text: fine };
  return {
    code,
    holds: false,
    text: `${amiss}: see ${names(found.ids, found.total)}`,
    facts: { pools: found.total, first: found.ids },
    remedies: [call("See what is wrong with a pool", "Pool_Explain", { poolId })],
  };
}

function jobs(code: string, found: Found, fine: string, amiss: (found: Found) => string): Finding {
  const [jobId] = found.ids;
  if (jobId === undefined) return { code, holds: true, text: fine };
  return {
    code,
    holds: false,
    text: `${amiss(found)}: see ${names(found.ids, found.total)}`,
    facts: { jobs: found.total, first: found.ids },
    remedies: [call("See what is wrong with a job", "Job_Explain", { jobId })],
  };
}

function failing({ failingJobs }: AccountFacts): Finding {
  const told = jobs(
    "noTaskFailed",
    failingJobs,
    "No task of an active job has failed",
    ({ total }) =>
      `${count(failingJobs.tasks, "task")} of ${count(total, "active job")} ${have(failingJobs.tasks)} failed`,
  );
  return told.holds ? told : { ...told, passes: true, facts: { ...told.facts, tasks: failingJobs.tasks } };
}

function quota(
  code: string,
  what: string,
  { used, quota: most, setting }: { readonly used: number; readonly quota: number; readonly setting: string },
): Finding {
  const text = `The account has ${used} ${what}, and may have ${most} (setting ${setting})`;
  const facts = { used, quota: most, setting };
  if (used < most) return { code, holds: true, text, facts };
  return {
    code,
    holds: false,
    text,
    facts,
    remedies: [{ text: `Start the server with a higher setting ${setting}, or do without some` }],
  };
}
