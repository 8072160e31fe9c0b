import { expect, test } from "vitest";
import type { NodeFiles } from "../../src/http/agents/node-files.ts";
import { logsOfStartTask } from "../../src/http/explanations/logs.ts";
import { collectGarbage } from "../garbage.ts";

const silent: NodeFiles = {
  request: (_node, _request, signal) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
};

test("an explanation waits for the logs of a silent node for a short time only", async () => {
  const logs = logsOfStartTask(silent, 1, new AbortController().signal);
  await new Promise(setImmediate);
  collectGarbage();
  expect(await logs).toEqual({ logsUnavailable: "The compute node did not send them in time" });
});
