// Starts a command as an agent does, says how another agent finds it and how it ends, and waits to be killed.
import { Directory, systemClock } from "@kyanite/runtime";
import { openCgroups } from "../dist/cgroups.js";
import { processExecutor } from "../dist/executors/process.js";
import { noWalls } from "../dist/walls/walls.js";

const { directory, command } = JSON.parse(process.argv[2]);
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const cgroups = openCgroups(directory, systemClock);
const executor = processExecutor({ directory, cgroups, walls: noWalls("not needed"), clock: systemClock });
const taskDirectory = Directory.open(directory);
const { exit } = await executor.start({ ...command, taskDirectory }, say);
say(await exit);
setInterval(() => {}, 60_000);
