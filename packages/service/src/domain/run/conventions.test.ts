import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { jobContainerName } from "./conventions.ts";

const sha1 = (text: string) => createHash("sha1").update(text).digest("hex");
const name = (jobId: string) => jobContainerName(jobId, sha1);

test.each([
  ["myjob", "job-myjob"],
  ["MyTerrificJob-2", "job-myterrificjob-2"],
  ["a", "job-a"],
  ["x".repeat(59), `job-${"x".repeat(59)}`],
])("the files of %s are in a container that is named for it", (jobId, container) => {
  expect(name(jobId)).toBe(container);
});

test.each([
  ["x".repeat(60), "xxxxxxxxxxxxxxx"],
  ["my_job", "my-job"],
  ["my--job", "my-job"],
  ["-job-", "job"],
  ["___", "job"],
  ["nightly:job-17", "nightly-job-17"],
  ["0123456789abcd_and_more", "0123456789abcd"],
])("of the long or odd id %s the container has the beginning and the hash", (jobId, beginning) => {
  expect(name(jobId)).toBe(`job-${beginning}-${sha1(jobId.toLowerCase())}`);
});

test("whatever the id, the container's name is one", () => {
  const letters = "aZ09-_:";
  for (let seed = 1; seed < 3_000; seed++) {
    const jobId = Array.from({ length: (seed % 64) + 1 }, (_, index) => letters[(seed * (index + 7)) % 7]).join("");
    expect(name(jobId)).toMatch(/^(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/);
  }
});
