// From a fresh clone to the output of a batch job: installs, builds, starts a server of its own in a temporary
// directory, runs examples/basic-workflow, and stops. `--keep` leaves the server running; paths are the input.
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { findInputs } from "../examples/basic-workflow/inputs.mjs";
import { createReport, say, showResults, showTimes } from "../examples/basic-workflow/report.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const keeps = process.argv.includes("--keep");
const paths = process.argv.slice(2).filter((argument) => argument !== "--keep");

const interrupted = new AbortController();
for (const name of ["SIGINT", "SIGTERM"])
  process.once(name, () => interrupted.abort(new Error("stopped before it was done")));

try {
  await quickstart(interrupted.signal);
} catch (error) {
  say();
  say(`quickstart: ${(interrupted.signal.reason ?? error).message}`);
  process.exitCode = 1;
}

async function quickstart(signal) {
  const report = createReport();
  await import("./prepare.mjs");
  report.note("Install and build", performance.now());
  // Only now are the libraries there that the workflow needs.
  const { runWorkflow } = await import("../examples/basic-workflow/workflow.mjs");
  const inputs = await findInputs(
    paths.map((path) => resolve(path)),
    join(root, "node_modules"),
  );
  if (inputs.length === 0) throw new Error(`there are no text files in ${paths.join(", ")}`);
  const server = await report.step("Start Kyanite", () => startServer(signal));
  let isDone = false;
  try {
    showResults(await runWorkflow(server.endpoints, inputs, { ...report, signal }));
    isDone = true;
  } finally {
    if (!(keeps && isDone)) await report.step("Stop Kyanite", () => server.stop());
    showTimes(report.times);
  }
  showNext(server);
}

function showNext({ endpoints, dataDirectory }) {
  say();
  if (!keeps) {
    say("  Keep it running:      npm run quickstart -- --keep");
    say("  Your own files:       npm run quickstart -- PATH…");
    say("  A server of your own: npm start");
    return;
  }
  say(`  Kyanite runs on ${endpoints.batchUrl} and ${endpoints.batchHttpsUrl}, account ${endpoints.account}.`);
  say("  Point Azure's tools at it, and stop it, with:");
  say(`    eval "$(npx kyanite env --data-dir ${dataDirectory})"; az batch pool list`);
  say(`    kill ${endpoints.pid}; rm -r ${dataDirectory}`);
}

/** A server on free ports, everything it keeps in a temporary directory. */
async function startServer(signal) {
  const dataDirectory = await mkdtemp(join(tmpdir(), "kyanite-quickstart-"));
  await chmod(dataDirectory, 0o711);
  const logFile = join(dataDirectory, "server.log");
  const log = openSync(logFile, "a");
  const program = join(root, "packages/cli/bin/kyanite.mjs");
  const args = [program, "start", "--data-dir", dataDirectory, "--http-port", "0", "--https-port", "0"];
  // In a session of its own: an interrupt of the terminal reaches only us, and we stop it in order.
  const server = spawn(process.execPath, args, { stdio: ["ignore", log, log], detached: true });
  closeSync(log);
  const ended = new Promise((resolve) => {
    server.once("exit", resolve);
  });
  server.unref();
  const stop = async () => {
    server.ref();
    server.kill("SIGTERM");
    await ended;
    await rm(dataDirectory, { recursive: true, force: true });
  };
  try {
    const endpoints = await readEndpoints(dataDirectory, server, signal);
    return { endpoints, dataDirectory, stop };
  } catch (error) {
    const tail = (await readFile(logFile, "utf8")).split("\n").slice(-15).join("\n");
    await stop();
    throw new Error(`the server did not start: ${error.message}\n${tail}`, { cause: error });
  }
}

/** `endpoints.json` is there when the server answers. */
async function readEndpoints(dataDirectory, server, signal) {
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; ) {
    const text = await readFile(join(dataDirectory, "endpoints.json"), "utf8").catch(() => undefined);
    if (text !== undefined) return JSON.parse(text);
    if (server.exitCode !== null) throw new Error(`it ended with code ${server.exitCode}`);
    await sleep(25, undefined, { signal });
  }
  throw new Error("it was not ready after two minutes");
}
