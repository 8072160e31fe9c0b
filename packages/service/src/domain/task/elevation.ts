import { BatchError, type UserIdentity } from "@kyanite/contract";
import {
  type ContainerOption,
  ContainerOptionError,
  givesRights,
  hostReach,
  parseContainerOptions,
} from "@kyanite/contract/container-options";
import type { Caller } from "../account/caller.ts";

/** What the nodes of a server's own machine can have, as far as that is decided by the machine. */
export interface MachineFacts {
  /** Whether an administrator on a node has no such rights on the machine itself. */
  readonly hasWalls: boolean;
  /** What there is and what is missing, a sentence each, for whoever runs the server. */
  readonly facts: readonly string[];
}

/** Who may add work that runs with administrator's rights, besides operators. */
export type AdminTasks = "isolated" | "operator" | "anyone";

/** What whoever may add tasks may do besides. */
export interface FreeRights {
  /** Whether with administrator's rights on the node. */
  readonly isElevationFree: boolean;
  /** Whether containers may reach the machine outside their node. */
  readonly isHostFree: boolean;
}

/** Whether everybody who may add tasks may add such with administrator's rights. */
export function mayElevate(adminTasks: AdminTasks, hasWalls: boolean): boolean {
  return adminTasks === "anyone" || (adminTasks === "isolated" && hasWalls);
}

/**
 * Nobody gains rights by adding work. A task's token can add nothing with more rights than the task has. A role that
 * may not manage machines can add no administrator's task where an administrator could reach beyond the node. Every
 * identity in the body is checked, wherever it is. The user accounts of a pool are users of the machine and not
 * confined to a node, so no setting lets such a role add them.
 * @throws BatchError InsufficientAccountPermissions with what would permit it
 */
export function checkElevation(
  body: unknown,
  { role, identity, jobId }: Pick<Caller, "role" | "identity" | "jobId">,
  { isElevationFree, isHostFree }: FreeRights,
): void {
  const isOfTask = jobId !== undefined;
  if (!isOfTask && (role === "operator" || role === "owner")) return;
  const options = containerOptionsIn(body);
  const reached = options.map(reachOf).find(isThere);
  if (reached !== undefined && (isOfTask || !isHostFree))
    throw refused(
      `${reached} reaches the machine itself: it needs the role operator, or the setting container-host-access`,
    );
  if (hasAccounts(body)) throw refused("A pool's user accounts are users of the machine, and need the role operator");
  if (!isOfTask && isElevationFree) return;
  const inContainers = options.some(givesRights) ? [{ kind: "admin" } as const] : [];
  const wanted = [...elevationsIn(body), ...inContainers];
  if (!isOfTask && wanted.length > 0)
    throw refused("Administrator's rights and named users need the role operator here, or the setting admin-tasks");
  if (wanted.some((each) => !isSame(each, identity)))
    throw refused("A task's token adds no work with more rights than the task has");
}

const refused = (reason: string) => new BatchError("InsufficientAccountPermissions", { Reason: reason });

const isThere = <Value>(value: Value | undefined): value is Value => value !== undefined;

/** The options of all containers that a body asks for. */
function containerOptionsIn(value: unknown): readonly ContainerOption[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, part]) =>
    name === "containerRunOptions" && typeof part === "string" ? optionsIn(part) : containerOptionsIn(part),
  );
}

/** What cannot be read is refused where it should run, so it reaches nothing. */
function optionsIn(text: string): readonly ContainerOption[] {
  return unlessUnreadable(() => parseContainerOptions(text)) ?? [];
}

const reachOf = (option: ContainerOption) => unlessUnreadable(() => hostReach(option));

function unlessUnreadable<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof ContainerOptionError) return undefined;
    throw error;
  }
}

type Elevation = { readonly kind: "admin" } | { readonly kind: "named"; readonly name: string };

function isSame(wanted: Elevation, own: UserIdentity | undefined): boolean {
  if (wanted.kind === "named") return own?.username === wanted.name;
  return own?.username === undefined && own?.autoUser?.elevationLevel === "admin";
}

/** Whether a body has accounts for the nodes of a pool, in whatever part of it. */
function hasAccounts(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { userAccounts, ...others }: { userAccounts?: unknown } = value;
  return (Array.isArray(userAccounts) && userAccounts.length > 0) || Object.values(others).some(hasAccounts);
}

/**
 * Finds what in a body asks for more rights than an ordinary user has. The rights of a named user are decided by its
 * pool.
 */
function elevationsIn(value: unknown): readonly Elevation[] {
  if (Array.isArray(value)) return value.flatMap(elevationsIn);
  if (typeof value !== "object" || value === null) return [];
  const own: Elevation[] = "elevationLevel" in value && value.elevationLevel === "admin" ? [{ kind: "admin" }] : [];
  return [...own, ...Object.entries(value).flatMap(([name, part]) => [...namedIn(name, part), ...elevationsIn(part)])];
}

function namedIn(name: string, part: unknown): readonly Elevation[] {
  const isIdentity = name === "userIdentity" && typeof part === "object" && part !== null;
  if (!isIdentity || !("username" in part) || typeof part.username !== "string") return [];
  return [{ kind: "named", name: part.username }];
}
