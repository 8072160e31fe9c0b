// Builds again whenever a source changes, and beside that, by the first argument:
//   server   runs the server, started anew after each build; nodes and their tasks go on
//   tests    runs the tests concerned
import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const [what, ...args] = process.argv.slice(2);
const options = { cwd: root, stdio: "inherit" };

const compiler = spawn(
  process.execPath,
  ["node_modules/typescript/bin/tsc", "-b", "--watch", "--preserveWatchOutput"],
  {
    ...options,
    stdio: ["ignore", "pipe", "inherit"],
  },
);

let server;
let isStopping = false;

/** Killed, the server leaves its nodes; stopped, it takes them along. */
async function endServer(signal) {
  if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
  server.kill(signal);
  await once(server, "exit");
}

async function restartServer() {
  await endServer("SIGKILL");
  if (!isStopping) server = spawn(process.execPath, ["packages/cli/bin/kyanite.mjs", "start", ...args], options);
}

async function stop() {
  isStopping = true;
  compiler.kill();
  await endServer("SIGINT");
}
process.once("SIGINT", stop).once("SIGTERM", stop);

if (what === "tests") {
  const tests = spawn(process.execPath, ["node_modules/vitest/vitest.mjs", "watch", ...args], options);
  tests.once("exit", stop);
}

for await (const line of createInterface(compiler.stdout)) {
  process.stderr.write(`${line}\n`);
  if (what === "server" && /Found 0 errors/.test(line)) await restartServer();
}
