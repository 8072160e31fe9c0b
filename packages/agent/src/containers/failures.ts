import { diskFull, isDiskFullError, messageOf, StepFailure, userFailure } from "../failure.ts";
import { launchFailed, programNotFound } from "../steps/program.ts";
import type { ContainerRuntime } from "./runtime.ts";

/** What goes wrong with containers, in the documented codes, each with what the runtime has said. */

export const invalidImage = (image: string, reason: string, cause?: unknown): StepFailure =>
  userFailure(
    "ContainerInvalidImage",
    "One or more container images specified are invalid",
    { ContainerImage: image, Message: reason },
    cause,
  );

export const invalidRegistry = (registry: string, reason: string, cause?: unknown): StepFailure =>
  userFailure(
    "ContainerInvalidRegistry",
    "One or more container registries specified are invalid",
    { ContainerRegistry: registry, Message: reason },
    cause,
  );

export const invalidSettings = (settings: string, reason: string, cause?: unknown): StepFailure =>
  userFailure(
    "ContainerInvalidSettings",
    "At least one value of specified task container settings is invalid",
    { ContainerSettings: settings, Message: reason },
    cause,
  );

export const containerMisery = (reason: string, cause?: unknown): StepFailure =>
  userFailure(
    "ContainerMiscError",
    "The container runtime of the compute node could not do what it was asked for",
    { Message: reason },
    cause,
  );

/** The runtime does not answer, or has forgotten what it was doing: nobody can say how a run in it has ended. */
export class RuntimeLost extends Error {
  override readonly name = "RuntimeLost";
}

/** An answer of the runtime other than yes, which its client throws. */
export interface RuntimeAnswer {
  readonly statusCode: number;
  readonly reason: string;
}

export function runtimeAnswer(error: unknown): RuntimeAnswer | undefined {
  if (!(error instanceof Error) || !("statusCode" in error) || typeof error.statusCode !== "number") return undefined;
  const { statusCode } = error;
  const json = "json" in error ? error.json : undefined;
  const isSaid = typeof json === "object" && json !== null && "message" in json && typeof json.message === "string";
  const said = isSaid ? String(json.message) : messageOf(error).replace(/^\(HTTP code \d+\) [a-z ]* - /, "");
  return { statusCode, reason: said.trim() };
}

/** Whether the runtime knows an image or a container. */
export async function isKnown(asked: { inspect(): Promise<unknown> }): Promise<boolean> {
  try {
    await asked.inspect();
    return true;
  } catch (cause) {
    if (runtimeAnswer(cause)?.statusCode === 404) return false;
    throw cause;
  }
}

/** A full disk is called that, whatever the runtime has tried to do. */
export function asDiskFull(reason: string, cause?: unknown): StepFailure | undefined {
  return isFull.test(reason) ? diskFull(cause) : undefined;
}

const isFull = /no space left on device|disk quota exceeded/i;

/** Whether a container could not be made because its image has gone. */
export function isWithoutImage(cause: unknown): boolean {
  const answer = runtimeAnswer(cause);
  return (
    answer?.statusCode === 404 &&
    /no such image|image not known|unable to find .* in local storage/i.test(answer.reason)
  );
}

/** Why a container could not be started. */
export async function startFailure(
  cause: unknown,
  settings: string,
  runtime: () => Promise<ContainerRuntime>,
): Promise<StepFailure | RuntimeLost> {
  if (cause instanceof StepFailure || cause instanceof RuntimeLost) return cause;
  const answer = runtimeAnswer(cause);
  if (answer === undefined) return isDiskFullError(cause) ? diskFull(cause) : new RuntimeLost(messageOf(cause));
  const { statusCode, reason } = answer;
  const full = asDiskFull(reason, cause);
  if (full) return full;
  if (isNoProgram.test(reason)) return programNotFound(reason);
  if (isClosed.test(reason)) return launchFailed(reason, cause);
  if (isLimit.test(reason) && !/--ulimit/.test(settings)) return containerMisery(`${reason}. ${limitAdvice}`, cause);
  if (isOfMachine.test(reason)) return containerMisery(reason, cause);
  if (statusCode < 500 || isOfSettings.test(reason)) return invalidSettings(settings, reason, cause);
  return (await isThere(runtime)) ? containerMisery(reason, cause) : new RuntimeLost(reason);
}

/** Whether what went wrong may be the runtime's own trouble, which passes. */
export function mayPass(cause: unknown): boolean {
  if (cause instanceof StepFailure || isDiskFullError(cause)) return false;
  const { statusCode = 500, reason = "" } = runtimeAnswer(cause) ?? {};
  return statusCode >= 500 && ![isNoProgram, isClosed, isFull].some((known) => known.test(reason));
}

/** The program is looked for inside the container, by the runtime's helper. */
const isNoProgram =
  /executable file\b.*\bnot found|exec(?:utable)?:? .*no such file or directory|executable .* not found/i;
const isClosed = /exec: .*permission denied|cannot execute|exec format error|exec user process/i;
/** Helpers of the runtime that the machine does not let do their work. */
const isOfMachine = /slirp4netns|netavark|\bcni\b|iptables|cgroups in hybrid mode/i;
/** Nobody asked for the limit: it is the runtime's own, and the machine does not permit it. */
const isLimit = /error setting rlimit/i;
const limitAdvice =
  "The machine does not permit the limits that its container runtime sets by itself: name lower ones, for Podman as " +
  'default_ulimits = ["nofile=1024:4096"] below [containers] in /etc/containers/containers.conf';
const isOfSettings =
  /oci runtime|invalid|unknown|not supported|unsupported|conflict|error (?:mounting|setting|while creating mount)|must be|no such/i;

async function isThere(runtime: () => Promise<ContainerRuntime>): Promise<boolean> {
  try {
    const { api } = await runtime();
    await api.ping();
    return true;
  } catch {
    return false;
  }
}
