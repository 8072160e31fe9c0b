import type {
  AgentReport,
  KeptFile,
  NodeAccount,
  NodeImages,
  NodeMount,
  NodeRequest,
  RunContainer,
  RunOrder,
  RunOutcome,
  RunStep,
  ServiceOrder,
} from "@kyanite/contract";

type FinishedReport = Extract<AgentReport, { type: "finished" }>;

/**
 * A run that this node holds. One that is `waiting` begins when its slots are free. `ending` is running too, but was
 * told to end; a `dropped` one ends without a report. All of them hold their slots until nothing of them is left.
 */
export type HeldRun =
  | { readonly runId: string; readonly phase: "waiting"; readonly order: RunOrder; readonly since: Date }
  | {
      readonly runId: string;
      readonly phase: "running" | "ending" | "dropped";
      readonly directory: string;
      readonly startTime: string;
      readonly slots: number;
      /** Whether the coordination command of an instance has succeeded. */
      readonly isCoordinated?: true;
      readonly container?: RunContainer;
    }
  | { readonly runId: string; readonly phase: "finished"; readonly report: FinishedReport };

/** What the agent knows of its runs. `acknowledged` are the latest that are over and done with, oldest first. */
export interface NodeState {
  /** In the order in which they came: a list, since each step makes a new one, and a map of a few is dear to copy. */
  readonly runs: readonly HeldRun[];
  /** How many the node has; as many as it takes until the service has said it. */
  readonly slots: number;
  readonly acknowledged: readonly string[];
  /** The last restart that was ordered. */
  readonly restartId?: string;
}

/** The others are for the node's host. */
export type NodeOrder = Exclude<ServiceOrder, { readonly type: "greet" | "dismiss" }>;

export type NodeEvent =
  | { readonly type: "order"; readonly order: NodeOrder; readonly now: Date }
  /** The link is open and the service has answered. */
  | { readonly type: "linked" }
  | { readonly type: "coordinated"; readonly runId: string }
  | { readonly type: "contained"; readonly runId: string; readonly container: RunContainer }
  | {
      readonly type: "ended";
      readonly runId: string;
      readonly exit: RunOutcome;
      readonly kept?: readonly KeptFile[];
      readonly now: Date;
      readonly steps?: readonly RunStep[];
    }
  /** Some time has passed since `wait`. */
  | { readonly type: "waited"; readonly now: Date };

export type NodeAction =
  /** Once those runs have ended, which were there before and have the same directory. */
  | {
      readonly type: "start";
      readonly order: RunOrder;
      readonly startTime: string;
      readonly after: readonly string[];
    }
  /** Tells in a while, and once however often it is asked for, that it has `waited`. */
  | { readonly type: "wait" }
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
      readonly images?: NodeImages | undefined;
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

/** A run that goes on although its agent was killed. */
interface RunningOn {
  readonly order: RunOrder;
  readonly startTime: string;
  readonly progress: { readonly isCoordinated?: true };
}

/** The state after an agent's start: what had finished before is still to be acknowledged, what ran before goes on. */
export function newNode(finished: readonly FinishedReport[] = [], runningOn: readonly RunningOn[] = []): NodeState {
  const ended = finished.map((report) => ({ runId: report.runId, phase: "finished", report }) as const);
  const running = runningOn.map(({ order: { runId, directory, slots = 0 }, startTime, progress }) => {
    const { isCoordinated } = progress;
    return { runId, phase: "running", directory, startTime, slots, ...(isCoordinated && { isCoordinated }) } as const;
  });
  return { runs: [...ended, ...running], slots: Number.POSITIVE_INFINITY, acknowledged: [] };
}

/** The ids for `hello`: what is held, but for runs whose fate is decided elsewhere. */
export function heldRunIds({ runs }: NodeState): readonly string[] {
  return runs.filter(({ phase }) => phase !== "dropped").map(({ runId }) => runId);
}

/** Whether runs wait for slots, so that the node has some to go on with. */
export function hasWaitingRuns({ runs }: NodeState): boolean {
  return runs.some(({ phase }) => phase === "waiting");
}

/** What follows from an order, or from something that happened here. */
export function nextStep(state: NodeState, event: NodeEvent): Step {
  switch (event.type) {
    case "order":
      return withBeginnings(afterOrder(state, event.order, event.now), event.now);
    case "linked":
      return { state, actions: state.runs.flatMap(repeatedReport) };
    case "contained":
      return contained(state, event);
    case "coordinated":
      return coordinated(state, event.runId);
    case "ended":
      return withBeginnings(afterEnd(state, event), event.now);
    case "waited":
      return withBeginnings(returnRuns(state, event.now), event.now);
  }
}

function afterOrder(state: NodeState, order: NodeOrder, now: Date): Step {
  switch (order.type) {
    case "welcome":
      return nextStep({ ...state, slots: order.slots }, { type: "linked" });
    case "run":
      return addRun(state, order.order, now);
    case "proceed":
      return { state, actions: [{ type: "proceed", runId: order.runId }] };
    case "cancel":
      return cancelRun(state, order.runId, now);
    case "acknowledge":
      return acknowledge(state, order.runIds);
    case "removeDirectory": {
      const { directory } = order;
      const isConcerned = (run: HeldRun) => isIn(directoryOf(run), directory);
      const stopped = stopRuns(state, idsOf(state, isConcerned), "ending", now);
      const after = idsOf(state, (run) => hasBegun(run) && isConcerned(run));
      return { ...stopped, actions: [...stopped.actions, { type: "removeDirectory", directory, after }] };
    }
    case "files":
      return { state, actions: [{ type: "answerFiles", requestId: order.requestId, request: order.request }] };
    case "setUp":
      return { state, actions: [order] };
    case "restart":
      return order.restartId === state.restartId ? { state, actions: [] } : restart(state, order, now);
  }
}

function restart(state: NodeState, { restartId, erase }: Extract<ServiceOrder, { type: "restart" }>, now: Date): Step {
  const stopped = stopRuns(
    state,
    idsOf(state, () => true),
    "dropped",
    now,
  );
  const after = idsOf(state, hasBegun);
  return {
    state: { ...stopped.state, restartId },
    actions: [...stopped.actions, { type: "restart", restartId, erase, after }],
  };
}

function repeatedReport(run: HeldRun): readonly NodeAction[] {
  const { runId } = run;
  if (run.phase === "finished") return [{ type: "report", report: run.report }];
  if (run.phase === "dropped" || run.phase === "waiting") return [];
  const started = { type: "report", report: { type: "started", runId, startTime: run.startTime } } as const;
  const { container, isCoordinated } = run;
  return [
    started,
    ...(container ? [{ type: "report", report: { type: "contained", runId, container } } as const] : []),
    ...(isCoordinated ? [{ type: "report", report: { type: "coordinated", runId } } as const] : []),
  ];
}

/** A run is executed once, however often it is ordered. */
function addRun(state: NodeState, order: RunOrder, now: Date): Step {
  const { runId } = order;
  if (heldRun(state, runId) || state.acknowledged.includes(runId)) return { state, actions: [] };
  return { state: withRun(state, { runId, phase: "waiting", order, since: now }), actions: [] };
}

/** With the beginnings of runs for which there are slots now; those that have to wait are looked at again in a while. */
function withBeginnings(step: Step, now: Date): Step {
  const waiting = step.state.runs.filter((run) => run.phase === "waiting").map(({ order }) => order);
  if (waiting.length === 0) return step;
  waiting.sort((one, other) => (other.priority ?? 0) - (one.priority ?? 0));
  let free = step.state.slots - heldSlots(step.state);
  const first = waiting.findIndex(({ slots = 0 }) => {
    if (slots > free) return true;
    free -= slots;
    return false;
  });
  const ready = waiting.filter(({ slots }, index) => slots === undefined || first < 0 || index < first);
  const begun = each(step.state, ready, (state, order) => beginRun(state, order, now));
  const left: readonly NodeAction[] = ready.length < waiting.length ? [{ type: "wait" }] : [];
  return { state: begun.state, actions: [...step.actions, ...begun.actions, ...left] };
}

const heldSlots = ({ runs }: NodeState) => runs.reduce((total, run) => total + (hasBegun(run) ? run.slots : 0), 0);

function beginRun(state: NodeState, order: RunOrder, now: Date): Step {
  const { runId, directory, slots = 0 } = order;
  const startTime = now.toISOString();
  return {
    state: withRun(state, { runId, phase: "running", directory, startTime, slots }),
    actions: [
      {
        type: "start",
        order,
        startTime,
        after: idsOf(state, (run) => hasBegun(run) && isIn(run.directory, directory)),
      },
      { type: "report", report: { type: "started", runId, startTime } },
    ],
  };
}

/** How long a run waits for slots before it is given back, in milliseconds. */
const patience = 250;

/** The same of one in a container, before which others have to end that take longer as well. */
const containerPatience = 2_000;

/** How often an agent looks whether a run has waited for too long, in milliseconds. */
export const waitMilliseconds = patience / 2;

/** Gives back the runs that have waited for too long: their tasks may find room elsewhere. */
function returnRuns(state: NodeState, now: Date): Step {
  // Of a clock that was set back nobody can tell how long they have waited.
  const hasWaited = ({ since, order }: WaitingRun) =>
    now < since || now.getTime() - since.getTime() >= (order.container ? containerPatience : patience);
  const isOverdue = (run: HeldRun) => run.phase === "waiting" && hasWaited(run);
  const end = { startTime: now.toISOString(), exit: { kind: "returned" }, now } as const;
  return each(state, idsOf(state, isOverdue), (next, runId) => finish(next, runId, end));
}

function coordinated(state: NodeState, runId: string): Step {
  const run = heldRun(state, runId);
  if (run?.phase !== "running") return { state, actions: [] };
  return {
    state: withRun(state, { ...run, isCoordinated: true }),
    actions: [{ type: "report", report: { type: "coordinated", runId } }],
  };
}

/** Only a container that runs is told of at once; its end goes with the run's. */
function contained(state: NodeState, { runId, container }: Extract<NodeEvent, { type: "contained" }>): Step {
  const run = heldRun(state, runId);
  if (run === undefined || run.phase === "finished" || run.phase === "waiting") return { state, actions: [] };
  const isTold = container.state === "running" && run.phase === "running";
  return {
    state: withRun(state, { ...run, container }),
    actions: isTold ? [{ type: "report", report: { type: "contained", runId, container } }] : [],
  };
}

/** A run that we do not know is reported as cancelled, so that the service does not wait for it for ever. */
function cancelRun(state: NodeState, runId: string, now: Date): Step {
  const run = heldRun(state, runId);
  if (run?.phase === "finished") return { state, actions: [{ type: "report", report: run.report }] };
  return run === undefined ? cancelled(state, runId, now) : stopRuns(state, [runId], "ending", now);
}

/** The end of a run that never began. */
const cancelled = (state: NodeState, runId: string, now: Date) =>
  finish(state, runId, { startTime: now.toISOString(), exit: { kind: "ended", reason: "cancelled" }, now });

function stopRuns(state: NodeState, runIds: readonly string[], phase: "ending" | "dropped", now: Date): Step {
  return each(state, runIds, (next, runId) => {
    const run = heldRun(next, runId);
    if (run === undefined || run.phase === "finished" || run.phase === "dropped") return { state: next, actions: [] };
    if (run.phase !== "waiting") return { state: withRun(next, { ...run, phase }), actions: [{ type: "stop", runId }] };
    return phase === "ending" ? cancelled(next, runId, now) : { state: withoutRuns(next, [runId]), actions: [] };
  });
}

function afterEnd(state: NodeState, { runId, exit, kept, now, steps }: Extract<NodeEvent, { type: "ended" }>): Step {
  const run = heldRun(state, runId);
  if (run === undefined || run.phase === "finished" || run.phase === "waiting") return { state, actions: [] };
  const { startTime, container } = run;
  const more = {
    ...(container && { container }),
    ...(kept && { kept: [...kept] }),
    ...(steps && { steps: [...steps] }),
  };
  if (run.phase !== "dropped") return finish(state, runId, { startTime, exit, now, ...more });
  return { state: withoutRuns(state, [runId]), actions: [{ type: "forget", runId }] };
}

function finish(
  state: NodeState,
  runId: string,
  { now, ...end }: Omit<FinishedReport, "type" | "runId" | "endTime" | "isBusy"> & { readonly now: Date },
): Step {
  const report: FinishedReport = { type: "finished", runId, endTime: now.toISOString(), ...end };
  return { state: withRun(state, { runId, phase: "finished", report }), actions: [{ type: "finish", report }] };
}

function acknowledge(state: NodeState, runIds: readonly string[]): Step {
  const over = runIds.filter((runId) => heldRun(state, runId)?.phase === "finished");
  if (over.length === 0) return { state, actions: [] };
  return { state: withoutRuns(state, over), actions: over.map((runId) => ({ type: "forget", runId })) };
}

/** Long enough to catch an order that was repeated while its run's end was on its way. */
const mostRemembered = 500;

/** The state without runs that are over and done with. */
function withoutRuns(state: NodeState, runIds: readonly string[]): NodeState {
  const runs = state.runs.filter(({ runId }) => !runIds.includes(runId));
  return { ...state, runs, acknowledged: [...state.acknowledged, ...runIds].slice(-mostRemembered) };
}

const heldRun = ({ runs }: NodeState, id: string) => runs.find(({ runId }) => runId === id);

/** The state with a run that is new, or has changed. */
function withRun(state: NodeState, run: HeldRun): NodeState {
  const index = state.runs.findIndex(({ runId }) => runId === run.runId);
  return { ...state, runs: index < 0 ? [...state.runs, run] : state.runs.with(index, run) };
}

/** What follows from doing something for each of several, one after the other. */
function each<Item>(state: NodeState, items: readonly Item[], act: (state: NodeState, item: Item) => Step): Step {
  return items.reduce<Step>(
    (step, item) => {
      const next = act(step.state, item);
      return { state: next.state, actions: [...step.actions, ...next.actions] };
    },
    { state, actions: [] },
  );
}

const idsOf = ({ runs }: NodeState, isMeant: (run: HeldRun) => boolean): readonly string[] =>
  runs.filter(isMeant).map(({ runId }) => runId);

type WaitingRun = Extract<HeldRun, { readonly phase: "waiting" }>;

type BegunRun = Extract<HeldRun, { readonly slots: number }>;

const hasBegun = (run: HeldRun): run is BegunRun => run.phase !== "finished" && run.phase !== "waiting";

function directoryOf(run: HeldRun): string | undefined {
  if (run.phase === "finished") return undefined;
  return run.phase === "waiting" ? run.order.directory : run.directory;
}

const isIn = (path: string | undefined, directory: string) =>
  path !== undefined && (path === directory || path.startsWith(`${directory}/`));
