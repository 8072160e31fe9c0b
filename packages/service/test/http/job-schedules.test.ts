import type { BatchServiceClient } from "@azure/batch";
import { anAutoPool, batchClient, type RunningService, runningService, send, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 60_000 });

let service: RunningService;
let client: BatchServiceClient;

beforeAll(async () => {
  service = await runningService();
  client = batchClient(service);
});
afterAll(() => service[Symbol.asyncDispose]());

const patience = 30;
const jobSpecification = { poolInfo: { poolId: "nowhere" } };
const nextYear = new Date("2100-01-01T00:00:00Z");
let number = 0;

interface Given {
  readonly schedule?: object;
  readonly jobSpecification?: object;
  readonly displayName?: string;
  readonly metadata?: { name: string; value: string }[];
}

/** A schedule on a pool that does not exist; unless it says, one job in the hour. */
async function aSchedule(more: Given = {}): Promise<string> {
  const id = `schedule${++number}`;
  await client.jobSchedule.add({
    id,
    schedule: { recurrenceInterval: "PT1H" },
    ...more,
    jobSpecification: { ...jobSpecification, ...more.jobSpecification },
  });
  return id;
}

const codeOf = (request: Promise<unknown>) =>
  request.then(
    () => "accepted",
    (error) => error.code,
  );

const scheduleIs = (id: string, state: string) =>
  until(
    () => client.jobSchedule.get(id),
    (schedule) => schedule.state === state,
    patience,
  );

const jobsOf = (id: string, count: number) =>
  until(
    () => client.job.listFromJobSchedule(id),
    (jobs) => jobs.length === count,
    patience,
  );

const isGone = (id: string) =>
  until(
    () => codeOf(client.jobSchedule.get(id)),
    (code) => code === "JobScheduleNotFound",
    patience,
  );

describe("adding", () => {
  test("a schedule without a start makes its first job at once, and says when the next is due", async () => {
    const id = await aSchedule({ displayName: "Hourly", metadata: [{ name: "a", value: "b" }] });
    const [job] = await jobsOf(id, 1);
    expect(job).toMatchObject({
      id: `${id}:job-1`,
      state: "active",
      priority: 0,
      executionInfo: { poolId: "nowhere" },
    });
    const schedule = await client.jobSchedule.get(id);
    const { creationTime = new Date(0) } = schedule;
    expect(schedule).toMatchObject({
      id,
      displayName: "Hourly",
      url: `${service.url}/jobschedules/${id}`,
      state: "active",
      stateTransitionTime: creationTime,
      schedule: { recurrenceInterval: "PT1H" },
      jobSpecification: {
        poolInfo: { poolId: "nowhere" },
        priority: 0,
        onAllTasksComplete: "noaction",
        constraints: { maxTaskRetryCount: 0 },
      },
      metadata: [{ name: "a", value: "b" }],
      executionInfo: {
        nextRunTime: new Date(creationTime.getTime() + 3_600_000),
        recentJob: { id: `${id}:job-1`, url: `${service.url}/jobs/${id}:job-1` },
      },
    });
    expect(schedule.previousState).toBeUndefined();
    expect(schedule.executionInfo?.endTime).toBeUndefined();
  });

  test("a schedule that starts later makes no job before", async () => {
    const id = await aSchedule({ schedule: { doNotRunUntil: nextYear, recurrenceInterval: "PT1M" } });
    const { executionInfo } = await client.jobSchedule.get(id);
    expect(executionInfo).toEqual({ nextRunTime: nextYear });
    expect(await client.job.listFromJobSchedule(id)).toHaveLength(0);
  });

  test("has made its first job when the request is answered", async () => {
    for (let attempt = 0; attempt < 10; attempt++) {
      const id = await aSchedule();
      expect((await client.job.listFromJobSchedule(id)).map((job) => job.id)).toEqual([`${id}:job-1`]);
      expect((await client.jobSchedule.get(id)).executionInfo?.recentJob?.id).toBe(`${id}:job-1`);
    }
  });

  test("dates are given back as the service writes them, which every client can read", async () => {
    const id = await aSchedule({ schedule: { doNotRunUntil: nextYear } });
    const path = `/jobschedules/${id}`;
    const schedule = { doNotRunUntil: "2099-01-01t01:20:30.123456789+02:00", doNotRunAfter: "2099-06-01T00:00Z" };
    expect((await send(client, "PATCH", path, { body: { schedule } })).status).toBe(200);
    expect((await send(client, "GET", path)).body).toMatchObject({
      schedule: { doNotRunUntil: "2098-12-31T23:20:30.1234567Z", doNotRunAfter: "2099-06-01T00:00:00Z" },
    });
    expect((await client.jobSchedule.get(id)).schedule?.doNotRunUntil).toEqual(new Date("2098-12-31T23:20:30.123Z"));
    const refused = await send(client, "PATCH", path, { body: { schedule: { doNotRunAfter: "2099-02-30" } } });
    expect(refused).toMatchObject({ status: 400, code: "InvalidPropertyValue" });
  });

  test("a schedule without an interval makes one job, and completes with it", async () => {
    const id = await aSchedule({ schedule: {} });
    await jobsOf(id, 1);
    expect((await client.jobSchedule.get(id)).executionInfo?.nextRunTime).toBeUndefined();
    await client.job.terminate(`${id}:job-1`);
    const schedule = await scheduleIs(id, "completed");
    expect(schedule).toMatchObject({
      previousState: "active",
      executionInfo: { recentJob: { id: `${id}:job-1` }, endTime: schedule.stateTransitionTime },
    });
  });

  test("ids are compared without case, and are not shared with jobs", async () => {
    const id = await aSchedule();
    const again = { id: id.toUpperCase(), schedule: {}, jobSpecification };
    expect(await codeOf(client.jobSchedule.add(again))).toBe("JobScheduleExists");
    expect(await codeOf(client.job.add({ id: id.toUpperCase(), poolInfo: { poolId: "nowhere" } }))).toBe(
      "JobScheduleWithSameIdExists",
    );
    await client.job.add({ id: "plain", poolInfo: { poolId: "nowhere" } });
    expect(await codeOf(client.jobSchedule.add({ id: "Plain", schedule: {}, jobSpecification }))).toBe(
      "JobWithSameIdExists",
    );
  });

  test("a job id of a schedule is not accepted from a client", async () => {
    expect(await codeOf(client.job.add({ id: "some:job-1", poolInfo: { poolId: "nowhere" } }))).toBe(
      "InvalidPropertyValue",
    );
  });

  test.each([
    ["a short interval", { recurrenceInterval: "PT59S" }, {}, "schedule.recurrenceInterval"],
    ["a short start window", { recurrenceInterval: "PT5M", startWindow: "PT59S" }, {}, "schedule.startWindow"],
    ["an end before its start", { doNotRunUntil: nextYear, doNotRunAfter: nextYear }, {}, "schedule.doNotRunAfter"],
    [
      "a release task without a preparation task",
      {},
      { jobReleaseTask: { commandLine: "true" } },
      "jobSpecification.jobReleaseTask",
    ],
    [
      "two pools",
      {},
      { poolInfo: { poolId: "p", autoPoolSpecification: { poolLifetimeOption: "job" } } },
      "jobSpecification.poolInfo",
    ],
    [
      "an auto pool of an unknown size",
      {},
      {
        poolInfo: {
          autoPoolSpecification: { poolLifetimeOption: "jobschedule", pool: anAutoPool({ vmSize: "standard_none" }) },
        },
      },
      "jobSpecification.poolInfo.autoPoolSpecification.pool.vmSize",
    ],
  ])("%s is refused by name", async (_, schedule, specification, property) => {
    const body = { id: "refused", schedule, jobSpecification: { ...jobSpecification, ...specification } };
    const answer = await send(client, "POST", "/jobschedules", { version: "2022-10-01.16.0", body });
    expect(answer).toMatchObject({ status: 400, code: "InvalidPropertyValue" });
    expect(JSON.stringify(answer.body)).toContain(`"PropertyName","value":"${property}"`);
  });

  test("metadata needs names", async () => {
    expect(await codeOf(aSchedule({ metadata: [{ name: "", value: "x" }] }))).toBe("EmptyMetadataKey");
  });
});

describe("changing", () => {
  const settings = { metadata: [{ name: "a", value: "1" }], displayName: "kept" };

  test("PATCH changes what is given, for jobs made later", async () => {
    const id = await aSchedule(settings);
    await jobsOf(id, 1);
    const before = await client.jobSchedule.get(id);
    await client.jobSchedule.patch(id, { jobSpecification: { ...jobSpecification, priority: 7 } });
    const after = await client.jobSchedule.get(id);
    expect(after).toMatchObject({
      ...settings,
      jobSpecification: { priority: 7 },
      schedule: { recurrenceInterval: "PT1H" },
    });
    expect(after.executionInfo).toEqual(before.executionInfo);
    expect(after.eTag).not.toBe(before.eTag);
    expect((await client.job.get(`${id}:job-1`)).priority).toBe(0);
  });

  test("a changed recurrence begins at the change: its first job follows as soon as the present one is done", async () => {
    const id = await aSchedule();
    await jobsOf(id, 1);
    await client.jobSchedule.patch(id, { schedule: { recurrenceInterval: "PT2H" } });
    await client.job.terminate(`${id}:job-1`);
    await jobsOf(id, 2);
    const { lastModified = nextYear, executionInfo } = await client.jobSchedule.get(id);
    expect(executionInfo?.recentJob?.id).toBe(`${id}:job-2`);
    const seconds = ((executionInfo?.nextRunTime?.getTime() ?? 0) - lastModified.getTime()) / 1000;
    expect(Math.abs(seconds - 7_200)).toBeLessThan(2);
  });

  test("PUT takes away what is left out; without a schedule one job is made at once", async () => {
    const id = await aSchedule({ ...settings, schedule: { doNotRunUntil: nextYear } });
    const body = { jobSpecification };
    expect(await send(client, "PUT", `/jobschedules/${id}`, { body })).toMatchObject({ status: 200 });
    await jobsOf(id, 1);
    const schedule = await client.jobSchedule.get(id);
    expect(schedule.displayName).toBe("kept");
    expect([schedule.schedule, schedule.metadata]).toEqual([undefined, undefined]);
    expect(await send(client, "PUT", `/jobschedules/${id}`, { body, version: "2022-10-01.16.0" })).toMatchObject({
      code: "MissingRequiredProperty",
    });
    await client.jobSchedule.update(id, { schedule: { recurrenceInterval: "P1D" }, jobSpecification });
    expect((await client.jobSchedule.get(id)).schedule).toEqual({ recurrenceInterval: "P1D" });
  });

  test("a change that breaks a rule changes nothing", async () => {
    const id = await aSchedule();
    const { eTag } = await client.jobSchedule.get(id);
    const schedule = { doNotRunUntil: nextYear, doNotRunAfter: new Date("2099-01-01") };
    expect(await codeOf(client.jobSchedule.patch(id, { schedule }))).toBe("InvalidPropertyValue");
    expect(await codeOf(client.jobSchedule.patch(id, { metadata: [{ name: "", value: "" }] }))).toBe(
      "EmptyMetadataKey",
    );
    expect(await codeOf(client.jobSchedule.update(id, { schedule, jobSpecification }))).toBe("InvalidPropertyValue");
    expect((await client.jobSchedule.get(id)).eTag).toBe(eTag);
  });

  test("every change is made under the condition that a client sets", async () => {
    const id = await aSchedule();
    const ifMatch = "0x0";
    const requests = [
      client.jobSchedule.get(id, { jobScheduleGetOptions: { ifMatch } }),
      client.jobSchedule.patch(id, {}, { jobSchedulePatchOptions: { ifMatch } }),
      client.jobSchedule.update(id, { schedule: {}, jobSpecification }, { jobScheduleUpdateOptions: { ifMatch } }),
      client.jobSchedule.disable(id, { jobScheduleDisableOptions: { ifMatch } }),
      client.jobSchedule.enable(id, { jobScheduleEnableOptions: { ifMatch } }),
      client.jobSchedule.terminate(id, { jobScheduleTerminateOptions: { ifMatch } }),
      client.jobSchedule.deleteMethod(id, { jobScheduleDeleteMethodOptions: { ifMatch } }),
    ];
    expect(new Set(await Promise.all(requests.map(codeOf)))).toEqual(new Set(["ConditionNotMet"]));
    expect((await client.jobSchedule.get(id)).state).toBe("active");
  });
});

describe("switching on and off", () => {
  test("a disabled schedule makes no job, and its running job goes on", async () => {
    const id = await aSchedule();
    await jobsOf(id, 1);
    await client.jobSchedule.disable(id);
    const disabled = await client.jobSchedule.get(id);
    expect(disabled).toMatchObject({ state: "disabled", previousState: "active" });
    expect(disabled.executionInfo?.nextRunTime).toBeUndefined();
    expect((await client.job.get(`${id}:job-1`)).state).toBe("active");
    await client.jobSchedule.disable(id);
    await client.jobSchedule.enable(id);
    const enabled = await client.jobSchedule.get(id);
    expect(enabled).toMatchObject({ state: "active", previousState: "disabled" });
    expect(enabled.executionInfo?.nextRunTime).toBeInstanceOf(Date);
    expect(enabled.eTag).not.toBe(disabled.eTag);
    await client.jobSchedule.enable(id);
  });
});

describe("ending", () => {
  test("a terminated schedule ends its job, and then itself without another ETag", async () => {
    const id = await aSchedule();
    await jobsOf(id, 1);
    await client.jobSchedule.terminate(id);
    const { eTag } = await client.jobSchedule.get(id);
    const schedule = await scheduleIs(id, "completed");
    expect(schedule).toMatchObject({
      eTag,
      previousState: "active",
      executionInfo: { recentJob: { id: `${id}:job-1` }, endTime: schedule.stateTransitionTime },
    });
    expect(schedule.executionInfo?.nextRunTime).toBeUndefined();
    expect((await client.job.get(`${id}:job-1`)).executionInfo?.terminateReason).toBe("TerminateJobSchedule");
    const requests = [
      client.jobSchedule.patch(id, { metadata: [] }),
      client.jobSchedule.update(id, { schedule: {}, jobSpecification }),
      client.jobSchedule.enable(id),
      client.jobSchedule.disable(id),
      client.jobSchedule.terminate(id),
    ];
    expect(new Set(await Promise.all(requests.map(codeOf)))).toEqual(new Set(["JobScheduleCompleted"]));
  });

  test("a deleted schedule takes all its jobs with it", async () => {
    const id = await aSchedule();
    await jobsOf(id, 1);
    await client.jobSchedule.patch(id, { schedule: { recurrenceInterval: "PT2H" } });
    await client.job.terminate(`${id}:job-1`);
    await jobsOf(id, 2);
    await client.jobSchedule.deleteMethod(id);
    await isGone(id);
    expect(await codeOf(client.job.get(`${id}:job-1`))).toBe("JobNotFound");
    expect(await codeOf(client.job.get(`${id}:job-2`))).toBe("JobNotFound");
  });
});

describe("on the way to the end", () => {
  test.each([
    ["terminating", "JobScheduleBeingTerminated"],
    ["deleting", "JobScheduleBeingDeleted"],
  ])("while %s, changes are refused", async (state, code) => {
    const id = await aSchedule();
    await jobsOf(id, 1);
    // As if the loop had not come to it yet.
    await service.database`update job_schedule set state = ${state}, wake_time = null where id = ${id}`;
    const requests = [
      client.jobSchedule.patch(id, { metadata: [] }),
      client.jobSchedule.update(id, { schedule: {}, jobSpecification }),
      client.jobSchedule.enable(id),
      client.jobSchedule.disable(id),
      client.jobSchedule.terminate(id),
      ...(state === "deleting" ? [client.jobSchedule.deleteMethod(id)] : []),
    ];
    expect(new Set(await Promise.all(requests.map(codeOf)))).toEqual(new Set([code]));
    const path = `/jobschedules/${id}`;
    if (state === "terminating") {
      expect(await send(client, "POST", `${path}/terminate?force=true`)).toMatchObject({ status: 202 });
      return scheduleIs(id, "completed");
    }
    expect(await codeOf(client.jobSchedule.add({ id, schedule: {}, jobSpecification }))).toBe(
      "JobScheduleBeingDeleted",
    );
    expect(await send(client, "DELETE", `${path}?force=true`)).toMatchObject({ status: 202 });
    return isGone(id);
  });
});

describe("reading", () => {
  const names = (schedules: readonly { id?: string }[]) => schedules.map(({ id }) => id);

  test("lists are filtered, paged and cut to what is selected", async () => {
    const later = { schedule: { doNotRunUntil: nextYear, doNotRunAfter: new Date("2100-02-01T00:00:00Z") } };
    await client.jobSchedule.add({ id: "Read-1", jobSpecification, ...later });
    await client.jobSchedule.add({ id: "Read-2", jobSpecification, ...later });
    await client.jobSchedule.add({ id: "Read-3", jobSpecification, ...later });
    await client.jobSchedule.disable("Read-2");
    const listed = async (filter: string) =>
      names(await client.jobSchedule.list({ jobScheduleListOptions: { filter, maxResults: 2 } }));
    const mine = "startswith(id,'read-')";
    const first = await client.jobSchedule.list({ jobScheduleListOptions: { filter: mine, maxResults: 2 } });
    expect(names(first)).toEqual(["Read-1", "Read-2"]);
    expect(names(await client.jobSchedule.listNext(first.odatanextLink ?? ""))).toEqual(["Read-3"]);
    expect(await listed(`${mine} and state eq 'disabled'`)).toEqual(["Read-2"]);
    expect(await listed(`${mine} and schedule/doNotRunUntil ge DateTime'2100-01-01' and id gt 'read-2'`)).toEqual([
      "Read-3",
    ]);
    expect(await listed(`${mine} and schedule/doNotRunAfter lt DateTime'2100-01-01'`)).toEqual([]);
    expect(await listed(`${mine} and executionInfo/endTime gt DateTime'2000-01-01'`)).toEqual([]);
    expect(await codeOf(listed("displayName eq 'x'"))).toBe("InvalidQueryParameterValue");
    const options = { jobScheduleListOptions: { filter: "id eq 'READ-1'", select: "id,state" } };
    expect([...(await client.jobSchedule.list(options))]).toEqual([{ id: "Read-1", state: "active" }]);
  });

  test("jobs of a schedule are filtered like jobs, but not by id", async () => {
    const id = await aSchedule();
    await jobsOf(id, 1);
    const listed = (filter: string) =>
      client.job.listFromJobSchedule(id, { jobListFromJobScheduleOptions: { filter, select: "id" } });
    expect(names(await listed("state eq 'active' and executionInfo/poolId eq 'nowhere'"))).toEqual([`${id}:job-1`]);
    expect(await listed("state eq 'completed'")).toHaveLength(0);
    expect(await codeOf(listed("id eq 'x'"))).toBe("InvalidQueryParameterValue");
    const all = await client.job.list({ jobListOptions: { filter: `startswith(id,'${id}:')` } });
    expect(names(all)).toEqual([`${id}:job-1`]);
  });

  test("statistics come with those who ask for them", async () => {
    const id = await aSchedule();
    await jobsOf(id, 1);
    const plain = await client.jobSchedule.get(id);
    expect(plain.stats).toBeUndefined();
    const { stats } = await client.jobSchedule.get(id, { jobScheduleGetOptions: { expand: "stats" } });
    expect(stats).toMatchObject({
      url: plain.url,
      startTime: plain.creationTime,
      numSucceededTasks: 0,
      numFailedTasks: 0,
      wallClockTime: "PT0S",
    });
    const [listed] = await client.jobSchedule.list({
      jobScheduleListOptions: { filter: `id eq '${id}'`, expand: "stats" },
    });
    expect(listed?.stats?.numTaskRetries).toBe(0);
    const [job] = await client.job.listFromJobSchedule(id, { jobListFromJobScheduleOptions: { expand: "stats" } });
    expect(job?.stats).toMatchObject({ url: job?.url, numSucceededTasks: 0 });
  });

  test("existence is told by the status alone", async () => {
    const id = await aSchedule();
    expect((await client.jobSchedule.exists(id))._response.status).toBe(200);
    expect((await client.jobSchedule.exists("nobody"))._response.status).toBe(404);
  });

  test("every operation says when there is no such schedule", async () => {
    const requests = [
      client.jobSchedule.get("nobody"),
      client.jobSchedule.patch("nobody", {}),
      client.jobSchedule.update("nobody", { schedule: {}, jobSpecification }),
      client.jobSchedule.disable("nobody"),
      client.jobSchedule.enable("nobody"),
      client.jobSchedule.terminate("nobody"),
      client.jobSchedule.deleteMethod("nobody"),
      client.job.listFromJobSchedule("nobody"),
    ];
    expect(new Set(await Promise.all(requests.map(codeOf)))).toEqual(new Set(["JobScheduleNotFound"]));
  });
});
