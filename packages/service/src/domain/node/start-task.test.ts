import { describe, expect, test } from "vitest";
import { aNode } from "../../../test/builders.ts";
import { afterRerun } from "./start-task.ts";

const now = new Date("2026-01-01T00:00:00Z");
const runId = "00000000-0000-0000-0000-000000000001";
const failed = aNode({
  state: "starttaskfailed",
  startTask: { commandLine: "false" },
  startTaskInfo: { state: "completed", startTime: "2025-12-31T00:00:00Z", retryCount: 2, result: "failure" },
});

describe("a start task that runs again", () => {
  test("is the pool's of now, and the node waits for it", () => {
    expect(afterRerun(failed, { commandLine: "true" }, runId, now)).toMatchObject({
      state: "waitingforstarttask",
      startTask: { commandLine: "true" },
      startRunId: runId,
      startTaskInfo: { state: "running", startTime: "2026-01-01T00:00:00Z", retryCount: 0 },
    });
    expect(afterRerun(aNode(), { commandLine: "true" }, runId, now).state).toBe("waitingforstarttask");
  });

  test("is not waited for where the pool does not wait, and a node that is closed stays so", () => {
    const startTask = { commandLine: "true", waitForSuccess: false };
    expect(afterRerun(failed, startTask, runId, now)).toMatchObject({ state: "idle", startRunId: runId });
    const closed = { ...failed, schedulingState: "disabled" as const };
    expect(afterRerun(closed, startTask, runId, now).state).toBe("offline");
  });
});
