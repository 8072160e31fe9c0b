import { existsSync, readFileSync } from "node:fs";
import { aPool, type RunningService, rawClient, runningService } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/** Answers of the real service, where a copy of the recordings lies beside the repository. */
const recordings = new URL("../../../../../shared/spec/examples/wire-captures.json", import.meta.url);
const isPresent = existsSync(recordings);
if (!isPresent) console.warn("SKIPPED: no recordings in ../shared/spec");

interface Capture {
  readonly name: string;
  readonly request: { readonly method: string; readonly path: string; readonly body?: object };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: unknown;
  };
}

const captures: readonly Capture[] = isPresent ? JSON.parse(readFileSync(recordings, "utf8")).captures : [];

function capture(name: string): Capture {
  const found = captures.find((each) => each.name === name);
  if (!found) throw new Error(`there is no recording of ${name}`);
  return found;
}

let service: RunningService;

beforeAll(async () => {
  service = await runningService();
  const pool = aPool("p1", { targetDedicatedNodes: 0 });
  expect((await rawClient(service)("POST", "/pools", { body: pool })).status).toBe(201);
});
afterAll(() => service[Symbol.asyncDispose]());

/** Sends what was recorded, and expects the recorded status and headers. */
async function replay(name: string): Promise<unknown> {
  const { request, response } = capture(name);
  const [path = ""] = request.path.split("?");
  const { body, method } = request;
  const answer = await rawClient(service)(method, path, { version: "2022-01-01.15.0", ...(body ? { body } : {}) });
  expect([answer.status, answer.text]).toEqual([response.status, answer.text]);
  const ofHttps = "strict-transport-security";
  for (const header of Object.keys(response.headers).map((each) => each.toLowerCase()))
    if (header !== ofHttps) expect(answer.headers).toHaveProperty(header);
  return answer.json;
}

/** Without what differs each time. */
const lasting = (document: unknown): unknown =>
  JSON.parse(
    JSON.stringify(document, (name, value) =>
      /^(odata\.metadata|url|eTag|lastModified|creationTime|stateTransitionTime|startTime)$/.test(name) ? "…" : value,
    ),
  );

describe.skipIf(!isPresent)("as it was recorded", () => {
  test("a job is created, shown with its defaults, patched and replaced", async () => {
    await replay("create job");
    const { name, response } = capture("get job (defaults the service fills in)");
    expect(lasting(await replay(name))).toEqual(lasting(response.body));

    await replay("patch job");
    const job = async () => (await rawClient(service)("GET", "/jobs/cli-test-job-1")).json;
    expect(await job()).toMatchObject({
      constraints: { maxWallClockTime: "P1279DT12H30M5S", maxTaskRetryCount: 0 },
      onAllTasksComplete: "terminatejob",
    });

    await replay("replace job");
    expect(await job()).not.toHaveProperty("metadata");
    expect(await job()).toMatchObject({ constraints: { maxTaskRetryCount: 0 } });
  });
});
