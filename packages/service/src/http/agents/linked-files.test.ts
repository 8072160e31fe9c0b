import { systemClock } from "@kyanite/runtime";
import { expect, test } from "vitest";
import { LinkedFiles } from "./linked-files.ts";

test("a request over a link that is closed is answered at once", async () => {
  const link = new AbortController();
  const nodeFiles = new LinkedFiles(() => link.signal, systemClock);
  const answer = nodeFiles.request(1, { operation: "stat", path: "a" }, new AbortController().signal);
  link.abort("closed");
  await expect(answer).rejects.toMatchObject({ code: "TaskFilesUnavailable" });
});
