import { expect, test } from "vitest";
import { StepFailure } from "../failure.ts";
import { startFailure } from "./failures.ts";

const noRuntime = () => Promise.reject(new Error("none is asked"));

/** What a runtime answers when it could not start a container. */
const answer = (message: string) => Object.assign(new Error(message), { statusCode: 500, json: { message } });
const failureOf = async (message: string, settings: string) => {
  const failure = await startFailure(answer(message), settings, noRuntime);
  return failure instanceof StepFailure ? failure.failure : failure;
};

test("a limit that the machine does not permit is the settings' fault only when they ask for it", async () => {
  const reason = "runc create failed: error setting rlimit type 7: operation not permitted: OCI permission denied";
  expect(await failureOf(reason, "--rm")).toMatchObject({
    code: "ContainerMiscError",
    details: [{ name: "Message", value: expect.stringContaining("default_ulimits") }],
  });
  expect(await failureOf(reason, "--ulimit nofile=9999999")).toMatchObject({ code: "ContainerInvalidSettings" });
});
