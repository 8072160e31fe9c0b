import Type, { type Static } from "typebox";
import { KeptFiles } from "./kept-files.ts";
import { NodeRequest } from "./node-requests.ts";
import { RunContainer, RunExit, RunLoss, RunReturn, RunSteps } from "./run-end.ts";
import { Failure, NodeAccount, NodeImages, NodeMount, RunOrder } from "./run-order.ts";
import { Instant, RunId } from "./values.ts";

/**
 * The messages between the service and the agent of a host, which serves any number of compute nodes.
 *
 * The agent opens a WebSocket to `/agent/link` with the name and token of one of its nodes (`x-kyanite-node`, bearer
 * token) and its own secret (`x-kyanite-host`). Each node joins the link with a `hello` that has its own token, so that
 * a host speaks for no others. From then on the service sends orders and the agent sends reports: a message is a list of
 * nodes, each with its orders or reports. A report is repeated after each `hello` until the service acknowledges it, and
 * carries the run's id, so that a repeat is harmless. The service refuses a report that it does not understand by
 * itself: the others of its message count, and a run whose end it should tell is lost. Files do not travel over the
 * socket: the agent answers a `files` order with a POST to `/agent/files/{requestId}`, whose body is streamed on to the
 * client.
 */

/** Utilisation of the node since the last sample; feeds autoscale and metrics. */
export const NodeSample = Type.Object({
  at: Instant,
  cpuPercent: Type.Number(),
  memoryUsedBytes: Type.Number(),
  memoryTotalBytes: Type.Number(),
  diskReadBytes: Type.Number(),
  diskWriteBytes: Type.Number(),
  diskReadOperations: Type.Number(),
  diskWriteOperations: Type.Number(),
  networkInBytes: Type.Number(),
  networkOutBytes: Type.Number(),
  diskFreeBytes: Type.Number(),
  diskTotalBytes: Type.Optional(Type.Number()),
});
export type NodeSample = Static<typeof NodeSample>;

/** What the agent sends. */
export const AgentReport = Type.Union([
  Type.Object({
    type: Type.Literal("hello"),
    /** Of the node. */
    token: Type.String(),
    /** The name of the provider that has started the host, and what its owner says of it. */
    provider: Type.String(),
    labels: Type.Record(Type.String(), Type.String()),
    agentVersion: Type.String(),
    bootTime: Instant,
    ipAddress: Type.String(),
    cores: Type.Integer(),
    memoryBytes: Type.Number(),
    /** Runs this agent holds: still running, or finished and not yet acknowledged. */
    runIds: Type.Array(Type.String()),
    /** The last restart that this agent has carried out. */
    restartId: Type.Optional(Type.String()),
    /** Whether the agent may make accounts on its machine. */
    managesUsers: Type.Optional(Type.Boolean()),
  }),
  Type.Object({ type: Type.Literal("heartbeat"), sample: Type.Optional(NodeSample) }),
  Type.Object({ type: Type.Literal("started"), runId: RunId, startTime: Instant }),
  /** The run is in a container; repeated after each reconnect while the run lasts. */
  Type.Object({ type: Type.Literal("contained"), runId: RunId, container: RunContainer }),
  /** The coordination command of an instance has succeeded; repeated after each reconnect while the run lasts. */
  Type.Object({ type: Type.Literal("coordinated"), runId: RunId }),
  Type.Object({
    type: Type.Literal("finished"),
    runId: RunId,
    startTime: Instant,
    endTime: Instant,
    exit: Type.Union([RunExit, RunReturn, RunLoss]),
    container: Type.Optional(RunContainer),
    /** What is kept of the run's files. */
    kept: Type.Optional(KeptFiles),
    /** Of a run that is traced, or of which they are noteworthy. */
    steps: Type.Optional(RunSteps),
    /** Whether the node has other runs to begin: then nobody waits for this report to be recorded. */
    isBusy: Type.Optional(Type.Boolean()),
  }),
  /** The node has what it was to be given, or why it has not. */
  Type.Object({ type: Type.Literal("setUp"), setupId: Type.String(), failure: Type.Optional(Failure) }),
  /** Something is wrong with the node itself, for example `DiskFull`. */
  Type.Object({ type: Type.Literal("nodeError"), failure: Failure }),
  /** What was wrong with the node itself is over: what a `nodeError` of this code has said. */
  Type.Object({ type: Type.Literal("nodeRecovered"), code: Type.String() }),
  /** The host does not serve the node any more. */
  Type.Object({ type: Type.Literal("leave") }),
]);
export type AgentReport = Static<typeof AgentReport>;

/** One message from the agent. */
export const AgentMessage = Type.Array(Type.Object({ nodeId: Type.String(), reports: Type.Array(AgentReport) }));

/** What the runs of a node may take, as far as its machine can hold them to it; what is absent has no limit. */
export const NodeLimits = Type.Object({
  processesPerSlot: Type.Optional(Type.Integer({ description: "Processes and threads." })),
  memoryBytes: Type.Optional(Type.Integer({ description: "Of all slots together." })),
  cores: Type.Optional(Type.Number({ description: "Of all slots together." })),
});
export type NodeLimits = Static<typeof NodeLimits>;

/** What the service sends. */
export const ServiceOrder = Type.Union([
  Type.Object({
    type: Type.Literal("welcome"),
    /** How many the node has for runs to take. */
    slots: Type.Integer(),
    limits: Type.Optional(NodeLimits),
    heartbeatSeconds: Type.Number(),
    sampleSeconds: Type.Number(),
  }),
  Type.Object({ type: Type.Literal("run"), order: RunOrder }),
  /** All instances of the run's task are coordinated: its command may start. A repeat is harmless. */
  Type.Object({ type: Type.Literal("proceed"), runId: Type.String() }),
  /** Ends a run and everything it started; it is reported as `ended`, `cancelled`. */
  Type.Object({ type: Type.Literal("cancel"), runId: Type.String() }),
  /** These finished runs are recorded: the agent may forget them. */
  Type.Object({ type: Type.Literal("acknowledge"), runIds: Type.Array(Type.String()) }),
  /** Removes a directory below the root, for example that of a deleted task. */
  Type.Object({ type: Type.Literal("removeDirectory"), directory: Type.String() }),
  Type.Object({
    type: Type.Literal("files"),
    requestId: Type.String({ format: "uuid" }),
    request: NodeRequest,
  }),
  /** Gives the node these accounts and mounts and no others, and images; it reports when that is done. A repeat is harmless. */
  Type.Object({
    type: Type.Literal("setUp"),
    setupId: Type.String({ format: "uuid" }),
    accounts: Type.Array(NodeAccount),
    mounts: Type.Array(NodeMount),
    /** Absent for a node that runs no containers. */
    images: Type.Optional(NodeImages),
  }),
  /**
   * Kills every run without a report, since what becomes of the tasks is decided by who restarts the node, and says
   * `hello` again with a new boot time and this restart's id. `erase` empties the root directory as well. A restart
   * that was carried out before is not repeated.
   */
  Type.Object({ type: Type.Literal("restart"), restartId: Type.String({ format: "uuid" }), erase: Type.Boolean() }),
  /** The node was given up: it has to say `hello` again before it gets anything to do. */
  Type.Object({ type: Type.Literal("greet") }),
  /** There is no such node, or not any more: the host ends it and takes away all that it has. */
  Type.Object({ type: Type.Literal("dismiss") }),
]);
export type ServiceOrder = Static<typeof ServiceOrder>;

/** One message from the service. */
export const ServiceMessage = Type.Array(Type.Object({ nodeId: Type.String(), orders: Type.Array(ServiceOrder) }));
