import { aPool, batchClient, type RunningService, rawClient, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let service: RunningService;
beforeAll(async () => {
  service = await runningService({ machine: { facts: ["nodes have walls around their tasks"] } });
  const client = batchClient(service);
  await client.pool.add(aPool("pool", { taskSlotsPerNode: 4 }));
  await client.job.add({ id: "job", poolInfo: { poolId: "pool" } });
});
afterAll(() => service[Symbol.asyncDispose]());

const version = "2022-10-01.16.0";
const identity = (elevationLevel: string) => ({ autoUser: { scope: "pool", elevationLevel } });

/** Runs a task that shows its token, and stays. */
async function tokenOf(id: string, elevationLevel: string): Promise<string> {
  const call = rawClient(service);
  const body = {
    id,
    commandLine: "/bin/sh -c 'echo $AZ_BATCH_AUTHENTICATION_TOKEN; exec sleep 600'",
    authenticationTokenSettings: { access: ["job"] },
    userIdentity: identity(elevationLevel),
  };
  expect((await call("POST", "/jobs/job/tasks", { version, body })).status).toBe(201);
  const { text } = await until(
    () => call("GET", `/jobs/job/tasks/${id}/files/stdout.txt`, { version }),
    ({ status, text }) => status === 200 && text.endsWith("\n"),
    60,
  );
  return text.trim();
}

async function addWith(token: string, userIdentity: object, id: string, containerSettings?: object) {
  const body = { id, commandLine: "true", userIdentity, ...(containerSettings && { containerSettings }) };
  return rawClient(service)("POST", "/jobs/job/tasks", { version, body, authorization: `Bearer ${token}` });
}

test("a task's token adds no task with more rights than the task has", async () => {
  const ordinary = await tokenOf("ordinary", "nonadmin");
  const refusal = { status: 403, json: { code: "InsufficientAccountPermissions" } };
  expect(await addWith(ordinary, identity("admin"), "a")).toMatchObject(refusal);
  expect(await addWith(ordinary, { username: "root" }, "b")).toMatchObject(refusal);
  expect(await addWith(ordinary, identity("nonadmin"), "c")).toMatchObject({ status: 201 });
  const admin = await tokenOf("admin", "admin");
  expect(await addWith(admin, identity("admin"), "d")).toMatchObject({ status: 201 });
  const reaching = { imageName: "busybox", containerRunOptions: "--rm -v /:/machine" };
  expect(await addWith(admin, identity("admin"), "e", reaching)).toMatchObject(refusal);
  const harmless = { imageName: "busybox", containerRunOptions: "--rm -v /etc/pki:/etc/pki:ro" };
  expect(await addWith(ordinary, identity("nonadmin"), "f", harmless)).toMatchObject({ status: 201 });
});

test("whoever asks whether the server is ready is told of its machine when they want to know", async () => {
  const read = async (path: string) => (await fetch(service.url + path)).text();
  expect(await read("/readyz")).toBe("ok\n");
  expect(await read("/readyz?verbose")).toBe("ok\nnodes have walls around their tasks\n");
});
