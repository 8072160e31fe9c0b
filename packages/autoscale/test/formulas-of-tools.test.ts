import { describe, expect, test } from "vitest";
import { type PoolState, valueText } from "../src/index.ts";
import { anHourOf, aPool, run } from "./a-pool.ts";

/** Each in the shape that its tool gives it, for at most eight nodes; `made` is when its pool was made. */
const formulas = {
  "Nextflow, with the lines of a Windows file": (made: string) =>
    `
    // Get pool lifetime since creation.
    lifespan = time() - time("${made}");
    interval = TimeInterval_Minute * 5;

    // Compute the target nodes based on pending tasks.
    // $PendingTasks == The sum of $ActiveTasks and $RunningTasks
    $samples = $PendingTasks.GetSamplePercent(interval);
    $tasks = $samples < 70 ? max(0, $PendingTasks.GetSample(1)) : max( $PendingTasks.GetSample(1), avg($PendingTasks.GetSample(interval)));
    $targetVMs = $tasks > 0 ? $tasks : max(0, $TargetDedicatedNodes/2);
    targetPoolSize = max(0, min($targetVMs, 8));

    // For first interval deploy 1 node, for other intervals scale up/down as per tasks.
    $TargetDedicatedNodes = lifespan < interval ? 1 : targetPoolSize;
    $NodeDeallocationOption = taskcompletion;
    `.replaceAll("\n", "\r\n"),
  "Cromwell on Azure": (made: string) => `
    $NodeDeallocationOption = taskcompletion;
    lifespan = time() - time("${made}");
    span = TimeInterval_Second * 90;
    startup = TimeInterval_Minute * 2;
    ratio = 10;
    $TargetLowPriorityNodes = 0;
    $TargetDedicatedNodes = (lifespan > startup ? min($PendingTasks.GetSample(span, ratio)) : 1);`,
  "doAzureParallel, by the queue": () =>
    "$samples = $ActiveTasks.GetSamplePercent(TimeInterval_Minute * 15);$tasks = $samples < 70 ? max(0,$ActiveTasks.GetSample(1)) : max( $ActiveTasks.GetSample(1), avg($ActiveTasks.GetSample(TimeInterval_Minute * 15)));$maxTasksPerNode = 1;$round = $maxTasksPerNode - 1;$targetVMs = $tasks > 0? (($tasks + $round)/ $maxTasksPerNode) : max(0, $TargetDedicated/2) + 0.5;$TargetDedicatedNodes = max(1, min($targetVMs, 8));$TargetLowPriorityNodes = max(0, min(0, 8));$NodeDeallocationOption = taskcompletion;",
  "a program that waits for its tasks, then lets all nodes go": (made: string) => `
    $TargetDedicatedNodes = 1;
    lifespan         = time() - time("${made}");
    span             = TimeInterval_Minute * 60;
    startup          = TimeInterval_Minute * 10;
    ratio            = 50;
    $TargetDedicatedNodes = (lifespan > startup ? (max($RunningTasks.GetSample(span, ratio), $ActiveTasks.GetSample(span, ratio)) == 0 ? 0 : 8) : 1);`,
  "in the manner of Batch Shipyard, with preempted nodes": () => `
    maxTargetDedicated = 8;
    maxTargetLowPriority = 4;
    sample = $PendingTasks.GetSamplePercent(TimeInterval_Minute * 10) < 70 ? 1 : avg($PendingTasks.GetSample(TimeInterval_Minute * 10, 50));
    preempted = $PreemptedNodeCount.GetSamplePercent(3 * TimeInterval_Minute) < 50 ? 0 : max($PreemptedNodeCount.GetSample(3 * TimeInterval_Minute, 50));
    reqVMs = sample > 0 && sample < 1 ? 1 : round(sample);
    lowPriority = min(maxTargetLowPriority, reqVMs) - min(0, preempted);
    $TargetLowPriorityNodes = 0 * lowPriority;
    $TargetDedicatedNodes = min(maxTargetDedicated, reqVMs);
    $NodeDeallocationOption = taskcompletion;`,
} satisfies Record<string, (made: string) => string>;

const hour = 3_600_000;
const { now } = aPool();
const ways = {
  "RFC 1123": (time: Date) => time.toUTCString(),
  "ISO 8601 with microseconds": (time: Date) => time.toISOString().replace("Z", "123Z"),
};

function targetOf(formula: string, pool: PoolState): string | undefined {
  const { results, error, trace } = run(formula, pool);
  expect(error?.detail, trace.map(({ value }) => value && valueText(value)).join(" ")).toBeUndefined();
  return /^\$TargetDedicatedNodes=(\d+);\$TargetLowPriorityNodes=0;/.exec(results)?.[1];
}

describe.each(Object.entries(ways))("formulas as other tools write them, times in %s", (_, write) => {
  test.each(Object.entries(formulas))(
    "%s: begins with one node, and grows to eight for forty tasks",
    (_name, formula) => {
      const fresh = aPool({ targetDedicatedNodes: 0, samples: [] });
      expect(targetOf(formula(write(new Date(now.getTime() - 60_000))), fresh)).toBe("1");
      const busy = aPool({ targetDedicatedNodes: 1, samples: anHourOf(40) });
      expect(Number(targetOf(formula(write(new Date(now.getTime() - hour))), busy))).toBeGreaterThanOrEqual(8);
    },
  );
});
