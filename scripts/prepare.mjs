// Makes a fresh clone ready to run: installs the dependencies and builds, and does nothing when nothing changed.
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

const modifiedTime = (path) => statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Runs a command; what it prints goes to standard error, and its failure is ours. */
function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2], ...options });
  if (result.error) process.stderr.write(`${command}: ${result.error.message}\n`);
  if (result.status !== 0) process.exit(result.status ?? 1);
}

// npm writes this file at the end of every installation.
if (modifiedTime("node_modules/.package-lock.json") < modifiedTime("package-lock.json")) {
  process.stderr.write("Installing dependencies; this is needed once ...\n");
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { shell: process.platform === "win32" });
}
if (modifiedTime("packages/cli/dist/main.js") === 0)
  process.stderr.write("Building; this takes a minute the first time ...\n");
run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-b"]);
