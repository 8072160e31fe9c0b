import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type FakeService, startFakeService } from "./fake-service.ts";

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));

/** The agent as a real process, started again as often as a test likes, on one directory. */
export async function startAgentProcess(settings: Readonly<Record<string, string>> = {}) {
  const directory = await mkdtemp(join(tmpdir(), "kyanite-agent-"));
  const service: FakeService = await startFakeService();
  const tokenFile = join(directory, "token");
  await writeFile(tokenFile, "secret-token\n", { mode: 0o600 });
  let child: ChildProcess;
  const start = () => {
    child = spawn(process.execPath, [main], {
      stdio: ["ignore", "ignore", "inherit"],
      env: {
        PATH: process.env.PATH,
        KYANITE_AGENT_SERVICE_URL: service.url,
        KYANITE_AGENT_NODE_ID: "tvm-1",
        KYANITE_AGENT_TOKEN_FILE: tokenFile,
        KYANITE_AGENT_ROOT: join(directory, "tasks"),
        KYANITE_AGENT_LOG_FILE: join(directory, "agent.log"),
        KYANITE_AGENT_USERS: "off",
        ...settings,
      },
    });
    return child;
  };
  start();
  const exited = async () => {
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    return child.exitCode ?? child.signalCode;
  };
  return {
    service,
    directory,
    root: join(directory, "tasks"),
    start,
    pid: () => child.pid ?? 0,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    exited,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await exited();
      await service[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
