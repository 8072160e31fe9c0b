import { ServiceOrder } from "@kyanite/contract";
import fc from "fast-check";
import { Check } from "typebox/value";
import { expect, test } from "vitest";
import { readOrders } from "./orders.ts";

const text = fc.constantFrom("", "a", "3f2504e0-4f89-41d3-9a0c-0305e82c3301");
const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined, freq: 2 });
/** Now and then something that does not belong here. */
const odd = <Value>(value: fc.Arbitrary<Value>) =>
  fc.oneof(
    { weight: 60, arbitrary: value },
    { weight: 1, arbitrary: fc.constantFrom(null, 1.5, [], {}, "x", undefined) },
  );
const uuid = odd(fc.uuid());
const instant = odd(fc.constantFrom("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00Z"));
const downloads = fc.array(
  odd(
    fc.oneof(
      fc.record({ kind: fc.constant("url"), url: odd(text), filePath: odd(text), fileMode: maybe(text) }),
      fc.record({ kind: fc.constant("container"), url: text, blobPrefix: odd(maybe(text)), directory: maybe(text) }),
    ),
  ),
);
const registries = fc.array(odd(fc.record({ server: maybe(text), username: odd(maybe(text)), password: maybe(text) })));
const container = fc.record({
  imageName: odd(text),
  runOptions: text,
  workingDirectory: odd(fc.constantFrom("taskWorkingDirectory", "containerImageDefault")),
  registries,
  mounts: maybe(fc.array(fc.record({ source: odd(fc.constantFrom("Shared", "Task")), isReadOnly: odd(fc.boolean()) }))),
  isOnHostNetwork: odd(maybe(fc.boolean())),
});
const run = fc.record({
  runId: uuid,
  kind: odd(fc.constantFrom("startTask", "task", "jobPreparation", "jobRelease", "subtask", "packages")),
  jobId: odd(maybe(text)),
  directory: odd(text),
  sharedDirectory: odd(maybe(text)),
  keepsDirectory: odd(fc.boolean()),
  commandLine: odd(text),
  coordinationCommandLine: odd(maybe(text)),
  environment: odd(fc.dictionary(text, odd(text))),
  user: odd(
    fc.oneof(
      fc.record({
        kind: fc.constant("auto"),
        scope: fc.constantFrom("pool", "task"),
        elevationLevel: odd(fc.constant("admin")),
      }),
      fc.record({ kind: fc.constant("named"), name: odd(text) }),
    ),
  ),
  container: odd(maybe(container)),
  packages: fc.array(
    fc.record({
      applicationId: text,
      version: odd(text),
      isDefaultVersion: odd(fc.boolean()),
      contentId: odd(fc.constantFrom("c0ffee", "../x")),
      url: text,
    }),
  ),
  certificates: maybe(
    fc.array(
      fc.record({
        fileName: fc.constantFrom("sha1-ab.pfx", "../x", ".x", "a/b", ""),
        data: odd(text),
        password: maybe(text),
      }),
    ),
  ),
  downloads,
  commonDownloads: maybe(downloads),
  uploads: fc.array(
    fc.record({
      filePattern: text,
      containerUrl: odd(text),
      path: maybe(text),
      uploadHeaders: maybe(fc.array(fc.record({ name: odd(text), value: maybe(text) }))),
      uploadCondition: odd(fc.constantFrom("tasksuccess", "taskfailure", "taskcompletion")),
    }),
  ),
  slots: odd(maybe(fc.nat())),
  priority: odd(maybe(fc.integer())),
  maxWallClockSeconds: odd(maybe(fc.nat())),
});
const request = fc.oneof(
  fc.record({ operation: fc.constant("list"), path: odd(text), recursive: odd(fc.boolean()) }),
  fc.record({ operation: fc.constant("stat"), path: odd(text) }),
  fc.record({ operation: fc.constant("read"), path: text, start: odd(maybe(fc.nat())), end: odd(maybe(fc.nat())) }),
  fc.record({ operation: fc.constant("delete"), path: text, recursive: odd(fc.boolean()) }),
  fc.record(
    { operation: fc.constant("uploadLogs"), containerUrl: text, directory: text, startTime: instant, endTime: instant },
    { requiredKeys: ["operation", "containerUrl", "directory", "startTime"] },
  ),
  fc.record({ operation: fc.constant("findLogin") }),
  fc.record(
    {
      operation: fc.constant("follow"),
      path: odd(text),
      start: odd(fc.nat()),
      tail: odd(fc.nat()),
      isLive: odd(fc.boolean()),
      runId: odd(text),
    },
    { requiredKeys: ["operation", "path", "isLive"] },
  ),
);
const order = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant("run"), order: run }) },
  fc.record({
    type: fc.constant("welcome"),
    slots: odd(fc.nat()),
    heartbeatSeconds: odd(fc.nat()),
    sampleSeconds: odd(fc.nat()),
  }),
  fc.record({ type: fc.constantFrom("cancel", "proceed"), runId: odd(text) }),
  fc.record({ type: fc.constant("acknowledge"), runIds: odd(fc.array(odd(text))) }),
  fc.record({ type: fc.constant("removeDirectory"), directory: odd(text) }),
  fc.record({ type: fc.constant("files"), requestId: uuid, request: odd(request) }),
  fc.record({
    type: fc.constant("setUp"),
    setupId: odd(fc.uuid()),
    mounts: odd(fc.array(fc.record({ path: odd(text), source: text, directory: maybe(text) }))),
    images: odd(maybe(fc.record({ imageNames: fc.array(odd(text)), registries }))),
    accounts: fc.array(
      fc.record(
        {
          name: odd(text),
          isAdmin: odd(fc.boolean()),
          passwordHash: odd(text),
          sshPublicKey: odd(text),
          sshPrivateKey: odd(text),
          uid: odd(fc.nat()),
          gid: odd(fc.nat()),
          expiryTime: instant,
        },
        { requiredKeys: ["name", "isAdmin"] },
      ),
    ),
  }),
  fc.record({ type: fc.constant("restart"), restartId: odd(fc.uuid()), erase: odd(fc.boolean()) }),
);

test("exactly what the contract's schema allows is taken for an order", () => {
  let accepted = 0;
  fc.assert(
    fc.property(order, (value) => {
      const sent: unknown = JSON.parse(JSON.stringify(value));
      const isAllowed = Check(ServiceOrder, sent);
      accepted += isAllowed ? 1 : 0;
      expect(readOrders(JSON.stringify([{ nodeId: "n", orders: [sent] }]))).toEqual([
        { nodeId: "n", orders: [isAllowed ? sent : undefined] },
      ]);
    }),
    { numRuns: 2_000 },
  );
  expect(accepted).toBeGreaterThan(100);
});

test("what is no JSON, no list, or no order, is no order", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (sent) =>
      readOrders(sent).every(({ orders }) => orders.every((order) => order === undefined)),
    ),
  );
});

test("what is no order keeps no other from being read", () => {
  const proceed = { type: "proceed", runId: "a" };
  const text = JSON.stringify([{ nodeId: "a", orders: [proceed, { type: "dance" }, proceed] }, 1]);
  expect(readOrders(text)).toEqual([
    { nodeId: "a", orders: [proceed, undefined, proceed] },
    { nodeId: "", orders: [undefined] },
  ]);
});
