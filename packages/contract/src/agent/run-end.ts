import Type, { type Static } from "typebox";
import { mostRunSteps, runSteps } from "../run-steps.ts";
import { StringEnum } from "../schema.ts";
import { Failure } from "./run-order.ts";
import { Instant } from "./values.ts";

/** More than any run can have used, so that a sum of many stays a number that is exact enough. */
const Amount = (description?: string) =>
  Type.Number({ minimum: 0, maximum: 1e15, ...(description !== undefined && { description }) });

/**
 * Who has counted: the run's control group, the system's accounts of its processes, or the container runtime. The
 * accounts of processes leave out who was killed between two looks, and know peaks of memory only from looks.
 */
export const UseSource = StringEnum(["controlGroup", "processes", "containerRuntime"]);
export type UseSource = Static<typeof UseSource>;

/** What a command and all that it has started have used; what nobody has counted is absent. */
export const RunUse = Type.Object({
  cpu: Type.Optional(Type.Object({ source: UseSource, userSeconds: Amount(), kernelSeconds: Amount() })),
  memory: Type.Optional(Type.Object({ source: UseSource, peakBytes: Amount() })),
  io: Type.Optional(
    Type.Object({
      source: UseSource,
      readBytes: Amount("From disks."),
      writeBytes: Amount("To disks, counted when they are written, if they reach them later."),
      readOperations: Amount(),
      writeOperations: Amount(),
    }),
  ),
});
export type RunUse = Static<typeof RunUse>;

const ExitCode = Type.Integer({ minimum: -(2 ** 31), maximum: 2 ** 31 - 1 });

/**
 * How a run ended. `exited`: the command ran to its end by itself. `ended`: it was killed, because its wall clock ran
 * out or because the service asked. `failed`: the command never started. Times are the node's.
 */
export const RunExit = Type.Union([
  Type.Object({
    kind: Type.Literal("exited"),
    exitCode: ExitCode,
    /** Why the command ended so, when that is known. */
    failure: Type.Optional(Failure),
    /** Set when an output file could not be uploaded; the exit code stays what it was. */
    uploadFailure: Type.Optional(Failure),
    use: Type.Optional(RunUse),
  }),
  Type.Object({
    kind: Type.Literal("ended"),
    reason: Type.Union([Type.Literal("wallClock"), Type.Literal("cancelled")]),
    exitCode: Type.Optional(ExitCode),
    use: Type.Optional(RunUse),
  }),
  Type.Object({ kind: Type.Literal("failed"), failure: Failure }),
]);
export type RunExit = Static<typeof RunExit>;

/** A run that never began, because its slots did not become free soon: its task may run elsewhere. */
export const RunReturn = Type.Object({ kind: Type.Literal("returned") });
export type RunReturn = Static<typeof RunReturn>;

/**
 * A run of which nobody can say how it ended, through a fault of the node or of the service: its task runs again, as if
 * the node were lost.
 */
export const RunLoss = Type.Object({ kind: Type.Literal("lost"), reason: Type.String() });
export type RunLoss = Static<typeof RunLoss>;

/** How a run was over, whether or not it came to an end of its own. */
export type RunOutcome = RunExit | RunReturn | RunLoss;

/** When a run took a step. */
export const RunStep = Type.Object({
  name: Type.Enum(runSteps),
  startTime: Instant,
  endTime: Instant,
  /** What it has fetched or sent; absent when that is nothing. */
  bytes: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
});
export type RunStep = Static<typeof RunStep>;

/** The steps of a run in its report. */
export const RunSteps = Type.Array(RunStep, { maxItems: mostRunSteps });

/** The container of a run, in the words of the API (`containerInfo`). */
export const RunContainer = Type.Object({
  containerId: Type.String(),
  state: Type.Union([Type.Literal("created"), Type.Literal("running"), Type.Literal("exited")]),
  error: Type.Optional(Type.String()),
});
export type RunContainer = Static<typeof RunContainer>;
