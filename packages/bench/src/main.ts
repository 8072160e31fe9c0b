import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { type Figure, formatTable } from "./figures.ts";
import { files } from "./scenarios/files.ts";
import { ingest } from "./scenarios/ingest.ts";
import { latency } from "./scenarios/latency.ts";
import { processes } from "./scenarios/processes.ts";
import { reading } from "./scenarios/reading.ts";
import { scheduling } from "./scenarios/scheduling.ts";
import { staging } from "./scenarios/staging.ts";
import { starting } from "./scenarios/starting.ts";

type Scenario = (options: { readonly isLong: boolean }) => Promise<Figure[]>;

const scenarios: Readonly<Record<string, Scenario>> = {
  processes,
  latency,
  ingest,
  scheduling,
  reading,
  starting,
  staging,
  files,
};

const usage = `npm run bench -- [SCENARIO…] [--long] [--json FILE]
Scenarios: ${Object.keys(scenarios).join(", ")}`;

const { values, positionals } = parseArgs({
  options: { long: { type: "boolean", default: false }, json: { type: "string" }, help: { type: "boolean" } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !(name in scenarios));
if (values.help || unknown.length > 0) {
  process.stdout.write(`${usage}\n`);
  process.exit(unknown.length > 0 ? 1 : 0);
}

const figures: Figure[] = [];
for (const [name, scenario] of Object.entries(scenarios)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  process.stderr.write(`${name} …\n`);
  const measured = await scenario({ isLong: values.long });
  process.stdout.write(formatTable(measured));
  figures.push(...measured);
}
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(figures, null, 2)}\n`);
