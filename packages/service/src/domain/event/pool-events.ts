import type { About, ExpandedEvent, Facts, OtherRow } from "./event.ts";
import { time } from "./time.ts";

/** What the database keeps of a pool before and after a change. */
export interface PoolFacts {
  readonly state: string;
  readonly stateTime: string;
  readonly allocationState: string;
  readonly allocationTime: string;
  readonly targetDedicatedNodes: number;
  readonly targetLowPriorityNodes: number;
  readonly enableAutoScale: boolean;
  readonly nodeDeallocationOption: string;
  readonly resizeErrors: readonly { readonly code: string; readonly message: string }[] | null;
}

/** A change of a pool; the properties of a new one stand beside `after`. */
export interface PoolChange extends Facts {
  readonly before?: PoolFacts;
  readonly after?: PoolFacts;
  readonly hasShrunk?: boolean;
}

interface Named {
  readonly kind: string;
  readonly state?: string;
  readonly previousState?: string;
  readonly properties: Facts;
}

/** The events of a pool's change: of its state, of its allocation, of its targets, and the documented ones. */
export function eventsOfPool(change: PoolChange, row: OtherRow): ExpandedEvent[] {
  const poolId = row.about.poolId ?? "";
  const resource = { type: "pool", poolId, path: `/pools/${poolId}` };
  return namedEvents(change, row).map((event) => ({ ...event, resource }));
}

function namedEvents({ before, after, ...more }: PoolChange, row: OtherRow): Named[] {
  if (!before && after) return created(after, more, row.about);
  if (before && !after) return deleted(before, row);
  if (before && after) return changed(before, after, { about: row.about, hasShrunk: more.hasShrunk === true });
  return [];
}

function created(after: PoolFacts, more: Facts, about: About): Named[] {
  const grows = after.targetDedicatedNodes + after.targetLowPriorityNodes > 0;
  return [
    { kind: "pool.created", state: after.state, properties: shownFacts(after, about) },
    { kind: "PoolCreateEvent", properties: createProperties(after, more, about) },
    ...(grows ? [{ kind: "PoolResizeStartEvent", properties: resizeProperties(after, about, false) }] : []),
  ];
}

function deleted(before: PoolFacts, row: OtherRow): Named[] {
  const properties = { id: row.about.poolId, startTime: time(before.stateTime), endTime: row.time.toISOString() };
  return [
    { kind: "pool.deleted", previousState: before.state, properties: {} },
    { kind: "PoolDeleteCompleteEvent", properties },
  ];
}

interface Circumstances {
  readonly about: About;
  readonly hasShrunk: boolean;
}

function changed(before: PoolFacts, after: PoolFacts, { about, hasShrunk }: Circumstances): Named[] {
  const properties = shownFacts(after, about);
  const isDeleting = after.state === "deleting";
  const hasState = before.state !== after.state;
  const hasAllocation = before.allocationState !== after.allocationState;
  const hasTargets =
    before.targetDedicatedNodes !== after.targetDedicatedNodes ||
    before.targetLowPriorityNodes !== after.targetLowPriorityNodes;
  const begins = after.allocationState === "resizing" && (hasAllocation || hasTargets) && !isDeleting;
  const ends = after.allocationState === "steady" && hasAllocation && !isDeleting;
  const states = { state: after.state, previousState: before.state };
  const allocations = { state: after.allocationState, previousState: before.allocationState };
  return [
    ...(hasState ? [{ kind: `pool.${after.state}`, ...states, properties }] : []),
    ...(hasState && isDeleting ? [{ kind: "PoolDeleteStartEvent", properties: { id: about.poolId } }] : []),
    ...(hasTargets ? [{ kind: "pool.targets", properties }] : []),
    ...(hasAllocation ? [{ kind: `pool.allocation.${after.allocationState}`, ...allocations, properties }] : []),
    ...(begins
      ? [{ kind: "PoolResizeStartEvent", properties: resizeProperties(after, about, shrinks(after, about)) }]
      : []),
    ...(ends
      ? [{ kind: "PoolResizeCompleteEvent", properties: endProperties(before, after, { about, hasShrunk }) }]
      : []),
  ];
}

function shownFacts(pool: PoolFacts, about: About): Facts {
  return {
    allocationState: pool.allocationState,
    currentDedicatedNodes: about.currentDedicatedNodes,
    currentLowPriorityNodes: about.currentLowPriorityNodes,
    targetDedicatedNodes: pool.targetDedicatedNodes,
    targetLowPriorityNodes: pool.targetLowPriorityNodes,
    enableAutoScale: pool.enableAutoScale,
    ...(pool.resizeErrors ? { resizeErrors: pool.resizeErrors } : {}),
  };
}

function createProperties(after: PoolFacts, more: Facts, about: About): Facts {
  return {
    id: about.poolId,
    displayName: more.displayName ?? "",
    vmSize: more.vmSize,
    imageType: "VirtualMachineConfiguration",
    virtualMachineConfiguration: { imageReference: imageOf(more.imageReference), nodeAgentId: more.nodeAgentId ?? "" },
    networkConfiguration: { subnetId: more.subnetId ?? "" },
    // Milliseconds as text, as it is documented.
    resizeTimeout: String(Math.round(Number(more.resizeTimeoutSeconds) * 1000)),
    targetDedicatedNodes: after.targetDedicatedNodes,
    targetLowPriorityNodes: after.targetLowPriorityNodes,
    taskSlotsPerNode: more.taskSlotsPerNode,
    vmFillType: fillTypes[String(more.nodeFillType).toLowerCase()] ?? "Spread",
    enableAutoScale: after.enableAutoScale,
    enableInterNodeCommunication: more.enableInterNodeCommunication,
    isAutoPool: about.isAutoPool,
  };
}

const fillTypes: Readonly<Record<string, string>> = { spread: "Spread", pack: "Pack" };

/** The documented event names these four of an image, and no more. */
function imageOf(reference: unknown): Facts {
  const given = typeof reference === "object" && reference !== null ? reference : {};
  return {
    publisher: "",
    offer: "",
    sku: "",
    version: "latest",
    ...pick(given, "publisher", "offer", "sku", "version"),
  };
}

function pick(object: object, ...names: readonly string[]): Facts {
  return Object.fromEntries(Object.entries(object).filter(([name]) => names.includes(name)));
}

const shrinks = (pool: PoolFacts, about: About) =>
  pool.targetDedicatedNodes < (about.currentDedicatedNodes ?? 0) ||
  pool.targetLowPriorityNodes < (about.currentLowPriorityNodes ?? 0);

const deallocationOptions: Readonly<Record<string, string>> = {
  requeue: "Requeue",
  terminate: "Terminate",
  taskcompletion: "TaskCompletion",
  retaineddata: "RetainedData",
};

/** A pool that grows has no use for the option, which is documented as `invalid` then. */
function resizeProperties(pool: PoolFacts, about: About, isShrinking: boolean): Facts {
  return {
    id: about.poolId,
    nodeDeallocationOption: (isShrinking && deallocationOptions[pool.nodeDeallocationOption]) || "invalid",
    currentDedicatedNodes: about.currentDedicatedNodes,
    targetDedicatedNodes: pool.targetDedicatedNodes,
    currentLowPriorityNodes: about.currentLowPriorityNodes,
    targetLowPriorityNodes: pool.targetLowPriorityNodes,
    enableAutoScale: pool.enableAutoScale,
    isAutoPool: about.isAutoPool,
  };
}

function endProperties(before: PoolFacts, after: PoolFacts, { about, hasShrunk }: Circumstances): Facts {
  const [error] = after.resizeErrors ?? [];
  return {
    ...resizeProperties(after, about, hasShrunk),
    startTime: time(before.allocationTime),
    endTime: time(after.allocationTime),
    resultCode: error?.code ?? "Success",
    resultMessage: error?.message ?? "The operation succeeded",
  };
}

/** An evaluation of a pool's formula. */
export function eventsOfAutoScale(run: Facts, { about }: OtherRow): ExpandedEvent[] {
  const poolId = about.poolId ?? "";
  const resource = { type: "pool", poolId, path: `/pools/${poolId}` };
  const { timestamp, formula, results, error } = run;
  const properties = {
    id: poolId,
    timestamp: time(timestamp),
    formula: formula ?? "",
    results: results ?? "",
    error: { code: "", message: "", values: [], ...(typeof error === "object" ? error : {}) },
  };
  return [
    { kind: "pool.autoscaled", resource, properties },
    { kind: "PoolAutoScaleEvent", resource, properties },
  ];
}
