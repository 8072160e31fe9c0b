import { routes } from "@kyanite/contract/routes";
import { expect, test } from "vitest";
import { planRequest } from "./request.ts";

const service = { prefix: "", version: "2025-06-01" };

test("what the path names goes there, encoded, and the rest into the query", () => {
  const given = { jobId: "a:job-1", taskId: "t", filePath: "wd/a b.txt", recursive: true, $filter: undefined };
  expect(planRequest(routes.File_DeleteFromTask, given, { ...service, prefix: "/accounts/x" })).toEqual({
    method: "DELETE",
    target: "/accounts/x/jobs/a%3Ajob-1/tasks/t/files/wd%2Fa%20b.txt?api-version=2025-06-01&recursive=true",
    headers: {},
  });
});

test("conditions and ranges are headers, and a body is JSON", () => {
  const date = new Date("2026-01-31T12:00:00Z");
  const given = { poolId: "p", ifMatch: '"0x1"', ifModifiedSince: date, range: { start: 5 }, body: { metadata: [] } };
  expect(planRequest(routes.Pool_Patch, given, service)).toEqual({
    method: "PATCH",
    target: "/pools/p?api-version=2025-06-01",
    headers: {
      "content-type": "application/json; odata=minimalmetadata",
      "if-match": '"0x1"',
      "if-modified-since": "Sat, 31 Jan 2026 12:00:00 GMT",
      "ocp-range": "bytes=5-",
    },
    body: '{"metadata":[]}',
  });
});

test.each([[""], ["."], [".."], [undefined]])(
  "a path with %j in it is no path, since it would name something else",
  (taskId) => {
    expect(() => planRequest(routes.Task_Delete, { jobId: "job", taskId }, service)).toThrow("taskId must not be");
  },
);
