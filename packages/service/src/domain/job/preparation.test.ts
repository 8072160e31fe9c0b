import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { after } from "../time.ts";
import type { JobSpec } from "./job.ts";
import {
  afterInterruption,
  afterJobEnd,
  afterPreparationExit,
  afterReleaseExit,
  begunPreparation,
  type Preparation,
  preparationTransitions,
} from "./preparation.ts";

const now = new Date("2026-01-01T00:00:00Z");
const run = "11111111-1111-4111-8111-111111111111";
const nextRun = "22222222-2222-4222-8222-222222222222";

const aJob = (more: Partial<JobSpec["jobPreparationTask"]> = {}): JobSpec => ({
  id: "j",
  poolInfo: { poolId: "p" },
  jobPreparationTask: { commandLine: "prepare", ...more },
  jobReleaseTask: { commandLine: "release" },
});

const aPreparation = (more: Partial<Preparation> = {}): Preparation => ({
  pk: 1,
  jobPk: 1,
  nodePk: 1,
  poolId: "p",
  nodeId: "n",
  state: "preparing",
  runId: run,
  needsRelease: false,
  preparationInfo: begunPreparation(now),
  releaseInfo: null,
  releaseDeadline: null,
  ...more,
});
const prepared = aPreparation({ state: "prepared", runId: null, needsRelease: true });

const end = (exitCode: number) => ({
  exit: { kind: "exited" as const, exitCode },
  startTime: now,
  endTime: after(now, 1),
});

describe("the end of a preparation task", () => {
  test("with success prepares the node, which needs a release then", () => {
    const next = afterPreparationExit(aPreparation(), aJob(), end(0), nextRun, now);
    expect(next).toMatchObject({ state: "prepared", runId: null, needsRelease: true });
    expect(next.preparationInfo).toMatchObject({ state: "completed", result: "success", exitCode: 0 });
  });

  test("with a failure closes the node when tasks wait for success, and prepares it when they do not", () => {
    const failed = afterPreparationExit(aPreparation(), aJob(), end(1), nextRun, now);
    expect(failed).toMatchObject({ state: "failed", needsRelease: false });
    const usable = afterPreparationExit(aPreparation(), aJob({ waitForSuccess: false }), end(1), nextRun, now);
    expect(usable).toMatchObject({ state: "prepared", needsRelease: true });
    expect(usable.preparationInfo.result).toBe("failure");
  });

  test("is tried again as often as it may be", () => {
    const job = aJob({ constraints: { maxTaskRetryCount: 1 } });
    const again = afterPreparationExit(aPreparation(), job, end(1), nextRun, now);
    expect(again).toMatchObject({ state: "preparing", runId: nextRun });
    expect(again.preparationInfo.retryCount).toBe(1);
    expect(afterPreparationExit(again, job, end(1), nextRun, now).state).toBe("failed");
  });
});

describe("what happens to a node", () => {
  const state = (preparation: Preparation, interruption: "lost" | "rebooted" | "reimaged" | "removed", job = aJob()) =>
    afterInterruption(preparation, job, interruption, nextRun, now).state;

  test("a preparation that runs is undone by all of it", () => {
    for (const interruption of ["lost", "rebooted", "reimaged", "removed"] as const)
      expect(state(aPreparation(), interruption)).toBe("unprepared");
  });

  test("a prepared node is prepared again after a reboot, unless the job says otherwise, and always after a reimage", () => {
    const once = aJob({ rerunOnNodeRebootAfterSuccess: false });
    expect([state(prepared, "rebooted"), state(prepared, "rebooted", once)]).toEqual(["unprepared", "prepared"]);
    expect([state(prepared, "reimaged"), state(prepared, "reimaged", once)]).toEqual(["unprepared", "unprepared"]);
    expect(state(prepared, "lost")).toBe("prepared");
  });

  test("a node on which it failed opens after a reimage, and not after a reboot", () => {
    const failed = aPreparation({ state: "failed", runId: null });
    expect([state(failed, "rebooted"), state(failed, "reimaged")]).toEqual(["failed", "unprepared"]);
  });

  test("a node that was reimaged since needs no release", () => {
    expect(afterInterruption(prepared, aJob(), "reimaged", nextRun, now).needsRelease).toBe(false);
    expect(afterInterruption(prepared, aJob(), "rebooted", nextRun, now).needsRelease).toBe(true);
  });

  test("a release that runs begins again after a reboot, and is given up with the node", () => {
    const releasing = afterJobEnd(prepared, aJob(), true, run, now);
    expect(afterInterruption(releasing, aJob(), "rebooted", nextRun, now)).toMatchObject({
      state: "releasing",
      runId: nextRun,
    });
    expect(afterInterruption(releasing, aJob(), "removed", nextRun, now)).toMatchObject({
      state: "released",
      releaseInfo: { state: "completed", result: "failure" },
    });
  });
});

describe("the end of a job", () => {
  test("releases nodes that need it, for as long as the release may take", () => {
    const releasing = afterJobEnd(prepared, aJob(), true, run, now);
    expect(releasing).toMatchObject({ state: "releasing", runId: run, releaseDeadline: after(now, 960) });
    expect(afterJobEnd(releasing, aJob(), true, nextRun, after(now, 959))).toBe(releasing);
    expect(afterJobEnd(releasing, aJob(), true, nextRun, after(now, 960)).state).toBe("released");
    expect(afterReleaseExit(releasing, end(1))).toMatchObject({
      state: "released",
      releaseInfo: { result: "failure" },
    });
  });

  test("lets nodes go that cannot run a release or need none", () => {
    const failed = aPreparation({ state: "failed", runId: null });
    expect(afterJobEnd(failed, aJob(), true, run, now).state).toBe("released");
    expect(afterJobEnd(prepared, aJob(), false, run, now).state).toBe("released");
    const { jobReleaseTask: _, ...withoutRelease } = aJob();
    expect(afterJobEnd(prepared, withoutRelease, true, run, now).state).toBe("released");
  });
});

test("no sequence of events leaves the table, and only what should run has a run", () => {
  const event = fc.constantFrom("exit 0", "exit 1", "lost", "rebooted", "reimaged", "removed", "job ends", "forced");
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), fc.boolean(), fc.boolean(), (events, waits, reruns) => {
      const job = aJob({ waitForSuccess: waits, rerunOnNodeRebootAfterSuccess: reruns });
      let preparation = aPreparation();
      for (const each of events) {
        const next = step(preparation, job, each);
        const reachable: string[] = [preparation.state, ...Object.values(preparationTransitions[preparation.state])];
        expect(reachable).toContain(next.state);
        expect(next.runId !== null).toBe(["preparing", "releasing"].includes(next.state));
        preparation = next;
      }
    }),
  );
});

function step(preparation: Preparation, job: JobSpec, event: string): Preparation {
  switch (event) {
    case "exit 0":
    case "exit 1":
      if (preparation.state === "releasing") return afterReleaseExit(preparation, end(Number(event.at(-1))));
      if (preparation.state !== "preparing") return preparation;
      return afterPreparationExit(preparation, job, end(Number(event.at(-1))), nextRun, now);
    case "job ends":
    case "forced":
      return afterJobEnd(preparation, job, event === "job ends", nextRun, now);
    case "lost":
    case "rebooted":
    case "reimaged":
    case "removed":
      return afterInterruption(preparation, job, event, nextRun, now);
    default:
      throw new Error(event);
  }
}
