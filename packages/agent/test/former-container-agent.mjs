// Starts a container as an agent does, says how another agent finds it, and waits to be killed.
import { Directory, systemClock } from "@kyanite/runtime";
import { runtimeFinder } from "../dist/containers/runtime.js";
import { containerExecutor } from "../dist/executors/container.js";

const { socket, command } = JSON.parse(process.argv[2]);
const clock = systemClock;
const log = { info() {}, warn() {}, error() {} };
const executor = containerExecutor({ runtime: runtimeFinder({ setting: socket }).find, clock, log });
const taskDirectory = Directory.open(command.directory);
const hooks = { onChange() {}, onRelease: async () => {} };
let record;
await executor.start({ ...command, taskDirectory, ...hooks }, (noted) => {
  record = noted;
});
process.stdout.write(`${JSON.stringify(record)}\n`);
setInterval(() => {}, 60_000);
