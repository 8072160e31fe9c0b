import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { NodeTotal, Total } from "./store/totals.ts";

/** What is measured of a server, in the format of Prometheus. */
export interface Metrics {
  readonly onAnswer: (operation: string, status: number, seconds: number) => void;
  /** Told of each request whose credential was not valid. */
  readonly onRefusal: (plane: "data" | "management") => void;
  /** Told of events of an account by Azure's names. */
  readonly onEvents: (account: string, kind: string, count: number) => void;
  readonly onRound: (loop: string, outcome: "done" | "failed", seconds: number) => void;
  readonly read: () => Promise<{ readonly contentType: string; readonly body: string }>;
  /** The same as data. */
  readonly collect: () => Promise<readonly Collected[]>;
}

/** A metric, and what it is now. A histogram has a value for each bucket, and its sum and count. */
export interface Collected {
  readonly name: string;
  readonly help: string;
  /** Such as `counter`. */
  readonly type: string;
  readonly values: readonly CollectedValue[];
}

export interface CollectedValue {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number | undefined>>;
  /** Of a part of a histogram, such as `…_bucket`. */
  readonly metricName?: string;
}

export interface Totals {
  readonly resources: readonly Total[];
  readonly nodes: readonly NodeTotal[];
}

/** @param readTotals asked at each reading; while it fails, only what the server itself knows is shown */
export function createMetrics(readTotals: () => Promise<Totals>): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: "kyanite_request_seconds",
    help: "Time to answer a request, by operation and status",
    labelNames: ["operation", "status"],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30],
    registers,
  });
  const refusals = new Counter({
    name: "kyanite_authentication_failures_total",
    help: "Requests without a valid credential, by the half of the service that they asked",
    labelNames: ["plane"],
    registers,
  });
  const rounds = new Histogram({
    name: "kyanite_loop_round_seconds",
    help: "Time of a round of a loop, by its outcome",
    labelNames: ["loop", "outcome"],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    registers,
  });
  const events = new Counter({
    name: "kyanite_service_events_total",
    help: "Events of an account by Azure's names, such as TaskStartEvent, that this server has put into the feed",
    labelNames: ["account", "event"],
    registers,
  });
  const totals = new Gauge({
    name: "kyanite_resources",
    help: "Tasks, nodes, jobs and pools by state; of pools, the allocation state",
    labelNames: ["kind", "state"],
    registers,
  });
  const nodes = new Gauge({
    name: "kyanite_nodes",
    help: "Nodes of an account by state, dedicated or low-priority",
    labelNames: ["account", "dedicated", "state"],
    registers,
  });
  const cores = new Gauge({
    name: "kyanite_cores",
    help: "Cores of the nodes of an account by the state of the nodes, dedicated or low-priority",
    labelNames: ["account", "dedicated", "state"],
    registers,
  });
  const failures = new Counter({
    name: "kyanite_totals_failures_total",
    help: "How often the totals could not be read from the database",
    registers,
  });
  const refresh = async () => {
    for (const gauge of [totals, nodes, cores]) gauge.reset();
    const found = await readTotals().catch(() => {
      failures.inc();
      return undefined;
    });
    for (const { kind, state, total } of found?.resources ?? []) totals.set({ kind, state }, total);
    for (const each of found?.nodes ?? []) {
      const labels = { account: each.account, dedicated: `${each.dedicated}`, state: each.state };
      nodes.set(labels, each.nodes);
      cores.set(labels, each.cores);
    }
  };
  return {
    onAnswer: (operation, status, seconds) => requests.observe({ operation, status }, seconds),
    onRefusal: (plane) => refusals.inc({ plane }),
    onEvents: (account, event, count) => events.inc({ account, event }, count),
    onRound: (loop, outcome, seconds) => rounds.observe({ loop, outcome }, seconds),
    read: async () => {
      await refresh();
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
    collect: async () => {
      await refresh();
      return (await registry.getMetricsAsJSON()).map(({ type, ...metric }) => ({ ...metric, type: `${type}` }));
    },
  };
}
