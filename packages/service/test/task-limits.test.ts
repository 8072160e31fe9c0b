import { findControlGroups } from "@kyanite/runtime";
import { aPool, batchClient, runningService, until } from "@kyanite/testkit";
import { expect, test } from "vitest";

const mayLimit = findControlGroups().memory !== undefined;
if (!mayLimit) console.warn("limits are not tested: this machine's control groups cannot be written");

test.skipIf(!mayLimit)(
  "a task that takes more than its slots' share of the VM size's memory fails and says so",
  async () => {
    await using service = await runningService({ settings: { nodeLimits: "vm-size" } });
    const client = batchClient(service);
    await client.pool.add(aPool("pool", { vmSize: "basic_a0", taskSlotsPerNode: 4 }));
    await client.job.add({ id: "job", poolInfo: { poolId: "pool" } });
    const script = "setTimeout(() => held, 50); const held = Buffer.alloc(3e8, 1)";
    const commandLine = `${process.execPath} -e "${script}"`;
    await client.task.add("job", { id: "greedy", commandLine });
    await client.task.add("job", { id: "entitled", commandLine, requiredSlots: 4 });
    const ended = async (id: string) => {
      const task = await until(
        () => client.task.get("job", id),
        ({ state }) => state === "completed",
        60,
      );
      return task.executionInfo;
    };
    expect(await ended("greedy")).toMatchObject({
      exitCode: 137,
      result: "failure",
      failureInfo: {
        category: "UserError",
        code: "MemoryLimitExceeded",
        details: [
          {
            name: "Message",
            value: expect.stringMatching(/^It took \d+\.\d of 201\.3 MB: give it more requiredSlots/),
          },
          { name: "LimitBytes", value: "201326592" },
          { name: "PeakBytes" },
        ],
      },
    });
    expect(await ended("entitled")).toMatchObject({ exitCode: 0, result: "success" });
  },
  120_000,
);
