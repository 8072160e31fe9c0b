import { readFileSync } from "node:fs";
import { ComputeNodeState } from "@kyanite/contract";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { createMetrics, type Totals } from "./metrics.ts";

const read = (name: string) =>
  readFileSync(new URL(`../../../examples/grafana/${name}`, import.meta.url), { encoding: "utf8" });

/** The expressions in a document, wherever they are. */
function expressions(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) =>
    name === "expr" && typeof each === "string" ? [each] : expressions(each),
  );
}

/** All series of `/metrics`, by what of their names and types it says. */
async function knownSeries(): Promise<Set<string>> {
  const { body } = await createMetrics(async () => ({ resources: [], nodes: [] })).read();
  const parts = (name: string, type: string) =>
    type === "histogram" ? ["_bucket", "_sum", "_count"].map((part) => name + part) : [name];
  return new Set([...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = "", type = ""]) => parts(name, type)));
}

test("docs/history.md names only metrics that there are", async () => {
  const text = readFileSync(new URL("../../../docs/history.md", import.meta.url), { encoding: "utf8" });
  const names = [...text.matchAll(/\bkyanite_\w+/g)].map(([name]) => name);
  expect(names.length).toBeGreaterThan(4);
  const known = await knownSeries();
  expect(names.filter((name) => !known.has(name))).toEqual([]);
});

test("nodes and cores are told by account, kind and state, and not when they cannot be read", async () => {
  const cases: (() => Promise<Totals>)[] = [
    async () => ({
      resources: [],
      nodes: [{ account: "local", dedicated: true, state: "idle", nodes: 3, cores: 6 }],
    }),
    () => Promise.reject(new Error("away")),
  ];
  const metrics = createMetrics(async () => (await cases.shift()?.()) ?? { resources: [], nodes: [] });
  const first = (await metrics.read()).body;
  expect(first).toContain('kyanite_nodes{account="local",dedicated="true",state="idle"} 3');
  expect(first).toContain('kyanite_cores{account="local",dedicated="true",state="idle"} 6');
  const second = (await metrics.read()).body;
  expect(second).not.toContain("kyanite_nodes{");
  expect(second).toContain("kyanite_totals_failures_total 1");
});

describe.each([
  ["dashboard.json", JSON.parse(read("dashboard.json"))],
  ["alerts.yaml", parse(read("alerts.yaml"))],
])("%s", (_, document) => {
  const found = expressions(document);

  test("asks only for what /metrics has", async () => {
    const known = await knownSeries();
    const names = found.flatMap((each) =>
      [...each.matchAll(/\b(?:kyanite|nodejs|process)_\w+/g)].map(([name]) => name),
    );
    expect(names.length).toBeGreaterThanOrEqual(found.length - 1);
    expect([...new Set(names)].filter((name) => !known.has(name))).toEqual([]);
  });

  test("names states that nodes can have", () => {
    const states = found.flatMap((each) => /kind="node",state=~"([^"]+)"/.exec(each)?.[1]?.split("|") ?? []);
    expect(states.length).toBeGreaterThan(0);
    expect(states.filter((state) => !ComputeNodeState.enum.some((known) => known === state))).toEqual([]);
  });

  test("has expressions whose brackets and quotes are closed", () => {
    for (const each of found)
      for (const [open, close] of ["()", "{}", "[]"])
        expect(each.split(open ?? "").length).toBe(each.split(close ?? "").length);
  });
});
