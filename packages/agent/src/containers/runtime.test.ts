import { expect, test } from "vitest";
import { describeRuntime } from "./runtime.ts";

test("a machine without a runtime says how to get one, and one where it is switched off that it is", async () => {
  const missing = await describeRuntime({ setting: "/nowhere/docker.sock" });
  expect(missing).toMatch(/^containers cannot run here: .*\/nowhere\/docker\.sock.*podman of Debian/);
  expect(await describeRuntime({ setting: "off" })).toMatch(/^containers cannot run here: .* switched off/);
});
