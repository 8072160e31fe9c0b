import { databaseProbe } from "../http/database-probe.ts";
import type { PlainPage } from "../http/server.ts";
import type { Database } from "../store/database.ts";
import type { ServiceParts } from "./service-parts.ts";

type MonitoredParts = Pick<ServiceParts, "missing" | "machine" | "describeContainers" | "clock">;

/** Pages that tell monitors whether the server works. */
export function monitorPages(database: Database, parts: MonitoredParts) {
  const databaseProblem = databaseProbe(database, parts.clock);
  return {
    "/livez": async () => plain(200, "ok"),
    "/readyz": (isVerbose: boolean) => readiness(databaseProblem, parts, isVerbose),
  };
}

const plain = (status: number, body: string): PlainPage => ({ status, contentType: "text/plain", body: `${body}\n` });

/** Whether requests can be served now; otherwise what is missing, a line for each. Then the machine, if asked for. */
async function readiness(
  databaseProblem: () => Promise<string | undefined>,
  { missing = () => [], machine, describeContainers }: MonitoredParts,
  isVerbose: boolean,
): Promise<PlainPage> {
  const problem = await databaseProblem();
  const away = [...(problem === undefined ? [] : [problem]), ...missing()];
  const facts = isVerbose ? [...machine.facts, ...(describeContainers ? [await describeContainers()] : [])] : [];
  return away.length === 0 ? plain(200, ["ok", ...facts].join("\n")) : plain(503, [...away, ...facts].join("\n"));
}
