import type {
  AgentReport,
  NodeAccount,
  NodeMount,
  NodeRequest,
  RunExit,
  RunOrder,
  ServiceOrder,
} from "@kyanite/contract";

type FinishedReport = Extract<AgentReport, { type: "finished" }>;

/** A run that this node holds. `ending` is running too, but was told to end; a `dropped` one ends without a report. */
export type HeldRun =
  | {
      readonly phase: "running" | "ending" | "dropped";
      readonly directory: string;
      readonly startTime: string;
      /** Whether the coordination command of an instance has succeeded. */
      readonly isCoordinated?: true;
    }
  | { readonly phase: "finished"; readonly report: FinishedReport };

/** What the agent knows of its runs. `acknowledged` are the latest that are over and done with, oldest first. */
export interface NodeState {
  readonly runs: ReadonlyMap<string, HeldRun>;
  readonly acknowledged: readonly string[];
  /** The last restart that was ordered. */
  readonly restartId?: string;
}

export type NodeEvent =
  | { readonly type: "order"; readonly order: ServiceOrder; readonly now: Date }
  /** The link is open and the service has answered. */
  | { readonly type: "linked" }
  | { readonly type: "coordinated"; readonly runId: string }
  | { readonly type: "ended"; readonly runId: string; readonly exit: RunExit; readonly now: Date };

export type NodeAction =
  /** Once those runs have ended, which were there before and have the same directory. */
  | { readonly type: "start"; readonly order: RunOrder; readonly after: readonly string[] }
  | { readonly type: "proceed"; readonly runId: string }
  | { readonly type: "stop"; readonly runId: string }
  | { readonly type: "report"; readonly report: AgentReport }
  /** Keeps the report on disk, then reports it. */
  | { readonly type: "finish"; readonly report: FinishedReport }
  | { readonly type: "forget"; readonly runId: string }
  /** Once those runs have ended. */
  | { readonly type: "removeDirectory"; readonly directory: string; readonly after: readonly string[] }
  | { readonly type: "answerFiles"; readonly requestId: string; readonly request: NodeRequest }
  | {
      readonly type: "setUp";
      readonly setupId: string;
      readonly accounts: readonly NodeAccount[];
      readonly mounts: readonly NodeMount[];
    }
  /** Once those runs have ended. */
  | {
      readonly type: "restart";
      readonly restartId: string;
      readonly erase: boolean;
      readonly after: readonly string[];
    };

export interface Step {
  readonly state: NodeState;
  readonly actions: readonly NodeAction[];
}

/** The state after an agent's start: what had finished before is still to be acknowledged. */
export function newNode(finished: readonly FinishedReport[] = []): NodeState {
  const runs = finished.map((report) => [report.runId, { phase: "finished", report }] as const);
  return { runs: new Map(runs), acknowledged: [] };
}

/** The ids for `hello`: what is held, but for runs whose fate is decided elsewhere. */
export function heldRunIds({ runs }: NodeState): readonly string[] {
  return [...runs].filter(([, run]) => run.phase !== "dropped").map(([runId]) => runId);
}

/** What follows from an order, or from something that happened here. */
export function nextStep(state: NodeState, event: NodeEvent): Step {
  switch (event.type) {
    case "order":
      return afterOrder(state, event.order, event.now);
    case "linked":
      return { state, actions: [...state.runs].flatMap(([runId, run]) => repeatedReport(runId, run)) };
    case "coordinated":
      return coordinated(state, event.runId);
    case "ended":
      return afterEnd(state, event);
  }
}

function afterOrder(state: NodeState, order: ServiceOrder, now: Date): Step {
  switch (order.type) {
    case "welcome":
      return nextStep(state, { type: "linked" });
    case "run":
      return startRun(state, order.order, now);
    case "proceed":
      return { state, actions: [{ type: "proceed", runId: order.runId }] };
    case "cancel":
      return cancelRun(state, order.runId, now);
    case "acknowledge":
      return acknowledge(state, order.runIds);
    case "removeDirectory": {
      const after = runsIn(state, order.directory);
      const stopped = stopRuns(state, after, "ending");
      return {
        ...stopped,
        actions: [...stopped.actions, { type: "removeDirectory", directory: order.directory, after }],
      };
    }
    case "files":
      return { state, actions: [{ type: "answerFiles", requestId: order.requestId, request: order.request }] };
    case "setUp":
      return { state, actions: [order] };
    case "restart":
      return order.restartId === state.restartId ? { state, actions: [] } : restart(state, order);
  }
}

function restart(state: NodeState, { restartId, erase }: Extract<ServiceOrder, { type: "restart" }>): Step {
  const after = [...state.runs].filter(([, run]) => run.phase !== "finished").map(([runId]) => runId);
  const stopped = stopRuns(state, after, "dropped");
  return {
    state: { ...stopped.state, restartId },
    actions: [...stopped.actions, { type: "restart", restartId, erase, after }],
  };
}

function repeatedReport(runId: string, run: HeldRun): readonly NodeAction[] {
  if (run.phase === "finished") return [{ type: "report", report: run.report }];
  if (run.phase === "dropped") return [];
  const started = { type: "report", report: { type: "started", runId, startTime: run.startTime } } as const;
  return run.isCoordinated ? [started, { type: "report", report: { type: "coordinated", runId } }] : [started];
}

/** A run is executed once, however often it is ordered. */
function startRun(state: NodeState, order: RunOrder, now: Date): Step {
  const { runId, directory } = order;
  if (state.runs.has(runId) || state.acknowledged.includes(runId)) return { state, actions: [] };
  const startTime = now.toISOString();
  return {
    state: withRun(state, runId, { phase: "running", directory, startTime }),
    actions: [
      { type: "start", order, after: runsIn(state, directory) },
      { type: "report", report: { type: "started", runId, startTime } },
    ],
  };
}

function coordinated(state: NodeState, runId: string): Step {
  const run = state.runs.get(runId);
  if (run?.phase !== "running") return { state, actions: [] };
  return {
    state: withRun(state, runId, { ...run, isCoordinated: true }),
    actions: [{ type: "report", report: { type: "coordinated", runId } }],
  };
}

/** A run that we do not know is reported as cancelled, so that the service does not wait for it for ever. */
function cancelRun(state: NodeState, runId: string, now: Date): Step {
  const run = state.runs.get(runId);
  if (run?.phase === "finished") return { state, actions: [{ type: "report", report: run.report }] };
  if (run !== undefined) return stopRuns(state, [runId], "ending");
  return finish(state, runId, { startTime: now.toISOString(), exit: { kind: "ended", reason: "cancelled" }, now });
}

function stopRuns(state: NodeState, runIds: readonly string[], phase: "ending" | "dropped"): Step {
  const runs = new Map(state.runs);
  for (const runId of runIds) {
    const run = runs.get(runId);
    if (run === undefined || run.phase === "finished" || run.phase === "dropped") continue;
    runs.set(runId, { ...run, phase });
  }
  return { state: { ...state, runs }, actions: runIds.map((runId) => ({ type: "stop", runId })) };
}

function afterEnd(state: NodeState, { runId, exit, now }: Extract<NodeEvent, { type: "ended" }>): Step {
  const run = state.runs.get(runId);
  if (run === undefined || run.phase === "finished") return { state, actions: [] };
  if (run.phase !== "dropped") return finish(state, runId, { startTime: run.startTime, exit, now });
  const runs = new Map(state.runs);
  runs.delete(runId);
  return { state: { ...state, runs, acknowledged: remember(state, [runId]) }, actions: [{ type: "forget", runId }] };
}

function finish(state: NodeState, runId: string, end: { startTime: string; exit: RunExit; now: Date }): Step {
  const { startTime, exit, now } = end;
  const report: FinishedReport = { type: "finished", runId, startTime, endTime: now.toISOString(), exit };
  return { state: withRun(state, runId, { phase: "finished", report }), actions: [{ type: "finish", report }] };
}

function acknowledge(state: NodeState, runIds: readonly string[]): Step {
  const over = runIds.filter((runId) => state.runs.get(runId)?.phase === "finished");
  if (over.length === 0) return { state, actions: [] };
  const runs = new Map(state.runs);
  for (const runId of over) runs.delete(runId);
  return {
    state: { ...state, runs, acknowledged: remember(state, over) },
    actions: over.map((runId) => ({ type: "forget", runId })),
  };
}

/** Long enough to catch an order that was repeated while its run's end was on its way. */
const mostRemembered = 500;

const remember = (state: NodeState, runIds: readonly string[]) =>
  [...state.acknowledged, ...runIds].slice(-mostRemembered);

const withRun = (state: NodeState, runId: string, run: HeldRun): NodeState => ({
  ...state,
  runs: new Map(state.runs).set(runId, run),
});

function runsIn(state: NodeState, directory: string): readonly string[] {
  return [...state.runs]
    .filter(([, run]) => run.phase !== "finished" && isIn(run.directory, directory))
    .map(([id]) => id);
}

const isIn = (path: string, directory: string) => path === directory || path.startsWith(`${directory}/`);
