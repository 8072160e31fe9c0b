import { writeFile } from "node:fs/promises";
import { inspect, parseArgs } from "node:util";
import { listenForShutdown } from "@kyanite/runtime";
import type { Scenario } from "./bench.ts";
import { type Figure, isMet } from "./figures.ts";
import { describe, machine } from "./machine.ts";
import { containers } from "./scenarios/containers.ts";
import { events } from "./scenarios/events.ts";
import { files } from "./scenarios/files.ts";
import { follow } from "./scenarios/follow.ts";
import { ingest } from "./scenarios/ingest.ts";
import { keeping } from "./scenarios/keeping.ts";
import { latency } from "./scenarios/latency.ts";
import { processes } from "./scenarios/processes.ts";
import { reading } from "./scenarios/reading.ts";
import { requests } from "./scenarios/requests.ts";
import { scheduling } from "./scenarios/scheduling.ts";
import { soak } from "./scenarios/soak.ts";
import { staging } from "./scenarios/staging.ts";
import { starting } from "./scenarios/starting.ts";
import { formatTable } from "./table.ts";

const scenarios: Readonly<Record<string, Scenario>> = {
  processes,
  latency,
  ingest,
  requests,
  scheduling,
  events,
  reading,
  starting,
  staging,
  files,
  follow,
  containers,
  keeping,
  soak,
};

/** Takes hours: only when it is asked for by name. */
const byName = ["soak"];

interface JudgedFigure extends Figure {
  readonly scenario: string;
  readonly title: string;
  readonly isMet: boolean | undefined;
}

const usage = `npm run bench -- [SCENARIO…] [--long] [--tasks N] [--json FILE]
Scenarios: ${Object.keys(scenarios).join(", ")}
Only by name, with a million tasks or as many as --tasks says: ${byName.join(", ")}`;

const { values, positionals } = parseArgs({
  options: {
    long: { type: "boolean", default: false },
    tasks: { type: "string", default: "1000000" },
    json: { type: "string" },
    help: { type: "boolean" },
  },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !(name in scenarios));
if (values.help || unknown.length > 0) {
  process.stdout.write(`${usage}\n`);
  process.exit(unknown.length > 0 ? 1 : 0);
}

const isWanted = (name: string) => (positionals.length > 0 ? positionals.includes(name) : !byName.includes(name));

using shutdown = listenForShutdown();
const { signal } = shutdown;
process.stdout.write(`${describe(machine)}\n`);
const figures: JudgedFigure[] = [];
for (const [name, scenario] of Object.entries(scenarios)) {
  if (signal.aborted || !isWanted(name)) continue;
  process.stderr.write(`\n${name} …\n`);
  try {
    const sections = await scenario({ isLong: values.long, tasks: Number(values.tasks), signal });
    process.stdout.write(formatTable(sections));
    for (const { title, figures: each } of sections)
      figures.push(...each.map((figure) => ({ scenario: name, title, ...figure, isMet: isMet(figure) })));
  } catch (error) {
    process.stderr.write(signal.aborted ? `stopped by ${signal.reason}\n` : `${inspect(error)}\n`);
    process.exitCode = 1;
  }
}
const withTarget = figures.filter(({ isMet }) => isMet !== undefined);
if (withTarget.length > 0)
  process.stdout.write(`\n${withTarget.filter(({ isMet }) => isMet).length} of ${withTarget.length} targets met\n`);
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify({ machine, figures }, null, 2)}\n`);
