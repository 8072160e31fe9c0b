import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { addToken, type FakeService, startFakeService, theNode } from "./fake-service.ts";

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));

/** A host with one node as a real process, started again as often as a test likes, on one directory. */
export async function startAgentProcess(settings: Readonly<Record<string, string>> = {}, uid = process.getuid?.()) {
  const top = await mkdtemp(join(tmpdir(), "kyanite-agent-"));
  const [directory, own] = [join(top, theNode), join(top, ".host")];
  const service: FakeService = await startFakeService();
  await addToken(top, theNode);
  await mkdir(own);
  await writeFile(join(own, "wanted.json"), JSON.stringify({ [theNode]: { state: "running", generation: 1 } }));
  if (uid !== process.getuid?.())
    for (const path of [top, own, join(own, "wanted.json"), directory, join(directory, "token")])
      await chown(path, uid ?? 0, uid ?? 0);
  let child: ChildProcess;
  const start = () => {
    child = spawn(process.execPath, [main], {
      stdio: ["ignore", "ignore", "inherit"],
      ...(uid === undefined ? {} : { uid, gid: uid }),
      env: {
        PATH: process.env.PATH,
        KYANITE_AGENT_SERVICE_URL: service.url,
        KYANITE_AGENT_DIRECTORY: own,
        KYANITE_AGENT_NODES: top,
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
    top,
    root: join(directory, "root"),
    start,
    pid: () => child.pid ?? 0,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    exited,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await exited();
      await service[Symbol.asyncDispose]();
      await rm(top, { recursive: true, force: true });
    },
  };
}
