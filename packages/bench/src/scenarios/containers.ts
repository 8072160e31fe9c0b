import { spawn } from "node:child_process";
import { once } from "node:events";
import type { BatchClient } from "@kyanite/client/node";
import {
  hasRuntime,
  type RuntimeKind,
  startRuntime,
  type TestRuntime,
  testImage,
} from "@kyanite/testkit/container-runtimes";
import type { Bench, Section } from "../bench.ts";
import { leanClient } from "../client.ts";
import { type Figure, median } from "../figures.ts";
import { startRealServer } from "../real-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { addTasks, addWaitingJob, letGo, nodeCounts, seconds, until } from "../work.ts";

const rounds = 3;
const atATime = 2;
const kinds: readonly RuntimeKind[] = ["docker", "podman"];
/** Podman takes seconds for what Docker does in a fraction of one. */
const counts = { docker: 60, podman: 20 } as const;

/** Containers through one of our nodes, beside a loop of `docker run` or `podman run` on the same runtime. */
export async function containers({ isLong, signal }: Bench): Promise<Section[]> {
  const sections: Section[] = [];
  for (const kind of kinds.filter(hasRuntime)) {
    await using runtime = await startRuntime(kind);
    sections.push(await compare(runtime, counts[kind] * (isLong ? 10 : 1), signal));
  }
  return sections;
}

async function compare(runtime: TestRuntime, count: number, signal: AbortSignal): Promise<Section> {
  await using home = await temporaryDirectory();
  await using server = await startRealServer(home, ["--container-runtime", runtime.socket]);
  using client = leanClient(server.account, { connections: 4, signal });
  const idle = await seconds(() => addContainerPool(client));
  const samples = { ours: [] as number[], loop: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    samples.loop.push(count / (await seconds(() => runLoop(runtime, count))));
    samples.ours.push(count / (await drain(client, `job-${round}`, count)));
  }
  const [ours, loop] = [median(samples.ours), median(samples.loop)];
  const name = `${runtime.kind} run, ${atATime} at a time`;
  const figures: Figure[] = [
    { name: "node with a prefetched image, create → idle", value: idle, unit: "s" },
    { name, value: loop, unit: "containers/s" },
    { name: `Kyanite, ${atATime} slots`, value: ours, unit: "containers/s" },
    { name: `Kyanite / ${name}`, value: ours / loop, unit: "×", target: { atLeast: 1 } },
    { name: "left behind", value: runtime.run("ps", "-aq").split("\n").filter(Boolean).length, unit: "containers" },
  ];
  return { title: `containers of ${runtime.kind}: ${count} × /bin/true, in turn`, figures };
}

async function addContainerPool(client: BatchClient): Promise<void> {
  const body = {
    id: "pool",
    vmSize: "standard_d4s_v3",
    virtualMachineConfiguration: {
      imageReference: { publisher: "microsoft-azure-batch", offer: "ubuntu-server-container", sku: "20-04-lts" },
      nodeAgentSKUId: "batch.node.ubuntu 20.04",
      containerConfiguration: { type: "dockerCompatible" as const, containerImageNames: [testImage] },
    },
    targetDedicatedNodes: 1,
    taskSlotsPerNode: atATime,
  };
  await client.call("Pool_Add", { body });
  await until(async () => (await nodeCounts(client, "pool")).idle === 1);
}

async function drain(client: BatchClient, jobId: string, count: number): Promise<number> {
  await addWaitingJob(client, jobId, "pool");
  const containerSettings = { imageName: testImage, containerRunOptions: "--network none" };
  await addTasks(client, jobId, count, { more: { containerSettings } });
  return (await letGo(client, jobId, count)).time;
}

async function runLoop(runtime: TestRuntime, count: number): Promise<void> {
  const { program, args, environment } = runtime.client("run", "--rm", "--network", "none", testImage, "/bin/true");
  const numbers = `${Array.from({ length: count }, (_, n) => n).join("\n")}\n`;
  const xargs = spawn("xargs", ["-P", String(atATime), "-I{}", program, ...args], {
    stdio: ["pipe", "ignore", "inherit"],
    env: environment,
  });
  xargs.stdin.end(numbers);
  const [code] = await once(xargs, "exit");
  if (code !== 0) throw new Error(`the loop failed with ${code}`);
}
