import { expect, test } from "vitest";
import type { Caller } from "../account/caller.ts";
import { checkElevation as check, mayElevate } from "./elevation.ts";

const admin = { autoUser: { elevationLevel: "admin" } };
const named = { username: "ann" };
const ordinary = { autoUser: { scope: "task", elevationLevel: "nonadmin" } };

/** Every place of a body where rights can be asked for. */
const places: readonly [string, (userIdentity: object) => object][] = [
  ["a task", (userIdentity) => ({ id: "t", userIdentity })],
  ["a task of a collection", (userIdentity) => ({ value: [{ id: "a" }, { id: "t", userIdentity }] })],
  ["a job's manager", (userIdentity) => ({ jobManagerTask: { userIdentity } })],
  ["a schedule's preparation", (userIdentity) => ({ jobSpecification: { jobPreparationTask: { userIdentity } } })],
  [
    "an auto pool",
    (userIdentity) => ({ poolInfo: { autoPoolSpecification: { pool: { startTask: { userIdentity } } } } }),
  ],
];
const checkElevation = (
  body: unknown,
  caller: Pick<Caller, "role" | "identity" | "jobId">,
  isElevationFree: boolean,
  isHostFree = false,
) => check(body, caller, { isElevationFree, isHostFree });

const submitter = { role: "submitter" } as const;
const ofTask = (identity?: object) => ({ role: "submitter", jobId: "job", ...(identity && { identity }) }) as const;

test.each(places)("where nodes have no walls, a submitter gets no administrator's rights by %s", (_, body) => {
  for (const wanted of [admin, named]) {
    expect(() => checkElevation(body(wanted), submitter, false)).toThrow(
      /InsufficientAccountPermissions|does not permit/,
    );
    for (const role of ["operator", "owner"] as const) checkElevation(body(wanted), { role }, false);
    checkElevation(body(wanted), submitter, true);
  }
  checkElevation(body(ordinary), submitter, false);
});

test.each(places)("a task's token gives no more rights than the task has by %s, walls or not", (_, body) => {
  for (const wanted of [admin, named])
    for (const own of [undefined, ordinary]) expect(() => checkElevation(body(wanted), ofTask(own), true)).toThrow();
  for (const own of [undefined, ordinary, admin, named]) checkElevation(body(ordinary), ofTask(own), false);
  checkElevation(body(admin), ofTask(admin), false);
  checkElevation(body(named), ofTask(named), false);
  expect(() => checkElevation(body(admin), ofTask(named), true)).toThrow();
  expect(() => checkElevation(body(named), ofTask({ username: "bob" }), true)).toThrow();
});

test.each([
  ["a pool", (pool: object) => pool],
  ["an auto pool of a job", (pool: object) => ({ poolInfo: { autoPoolSpecification: { pool } } })],
  [
    "an auto pool of a schedule",
    (pool: object) => ({ jobSpecification: { poolInfo: { autoPoolSpecification: { pool } } } }),
  ],
])("only operators make accounts, which are users of the machine, by %s, walls or not", (_, body) => {
  for (const elevationLevel of ["nonadmin", "admin", undefined])
    for (const isElevationFree of [true, false]) {
      const wanted = body({ userAccounts: [{ name: "ann", elevationLevel }] });
      for (const caller of [submitter, ofTask(), ofTask(admin), { ...ofTask(admin), role: "owner" } as const])
        expect(() => checkElevation(wanted, caller, isElevationFree)).toThrow();
      for (const role of ["operator", "owner"] as const) checkElevation(wanted, { role }, isElevationFree);
    }
  checkElevation(body({ userAccounts: [] }), submitter, false);
});

test("the setting says who may", () => {
  const who = (hasWalls: boolean) =>
    (["isolated", "operator", "anyone"] as const).map((each) => mayElevate(each, hasWalls));
  expect(who(true)).toEqual([true, false, true]);
  expect(who(false)).toEqual([false, false, true]);
});

/** Every place of a body where a container can be asked for. */
const containerPlaces: readonly [string, (containerSettings: object) => object][] = [
  ["a task", (containerSettings) => ({ id: "t", containerSettings })],
  ["a task of a collection", (containerSettings) => ({ value: [{ id: "a" }, { containerSettings }] })],
  ["a job's manager", (containerSettings) => ({ jobManagerTask: { containerSettings } })],
  ["a schedule's release", (containerSettings) => ({ jobSpecification: { jobReleaseTask: { containerSettings } } })],
  [
    "an auto pool",
    (containerSettings) => ({ poolInfo: { autoPoolSpecification: { pool: { startTask: { containerSettings } } } } }),
  ],
];

test.each(containerPlaces)("a submitter does not get the machine through a container by %s", (_, body) => {
  const wanted = (containerRunOptions: string) => body({ imageName: "a", containerRunOptions });
  for (const options of ["--rm --privileged", "-v /:/host", "--pid=host", "-v /run/docker.sock:/run/docker.sock"]) {
    for (const caller of [submitter, ofTask(), ofTask(admin)])
      expect(() => checkElevation(wanted(options), caller, true)).toThrow(/does not permit|InsufficientAccount/);
    for (const role of ["operator", "owner"] as const) checkElevation(wanted(options), { role }, false);
    checkElevation(wanted(options), submitter, true, true);
    expect(() => checkElevation(wanted(options), ofTask(admin), true, true)).toThrow();
  }
  for (const options of [
    "--rm --workdir / --cpu-shares 512",
    "-v /etc/ssl/certs:/etc/ssl/certs:ro -v $AZ_BATCH_NODE_SHARED_DIR:/s",
    "what nobody can read --privileged",
  ])
    for (const caller of [submitter, ofTask()]) checkElevation(wanted(options), caller, false);
});

test("another user inside a container counts as an administrator of the node", () => {
  const body = { containerSettings: { imageName: "a", containerRunOptions: "--user 0" } };
  expect(() => checkElevation(body, submitter, false)).toThrow();
  checkElevation(body, submitter, true);
  expect(() => checkElevation(body, ofTask(), true)).toThrow();
  checkElevation(body, ofTask(admin), false);
});
