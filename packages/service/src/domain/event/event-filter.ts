import type { EventRow, ExpandedEvent, Ids } from "./event.ts";

/** Which events somebody wants to see; what is absent is no condition. */
export interface EventFilter extends Ids {
  /** Kinds, without regard to case; one that ends with `*` stands for all that begin so. */
  readonly kinds?: readonly string[];
  /** Events before this are left out. */
  readonly from?: Date;
}

const idNames = ["poolId", "nodeId", "jobId", "taskId", "jobScheduleId"] as const;

const isSame = (one: string | null | undefined, other: string) => one?.toLowerCase() === other.toLowerCase();

/** Whether any event of a row may be wanted, told without making them: most rows are about other resources. */
export function mayMatch(filter: EventFilter, row: EventRow): boolean {
  if (filter.from !== undefined && row.time < filter.from) return false;
  if (typeof filter.jobId !== "string") return true;
  return isSame(row.about.jobId, filter.jobId);
}

export function matches(filter: EventFilter, event: ExpandedEvent): boolean {
  const isOfKind = filter.kinds === undefined || filter.kinds.some((kind) => matchesKind(kind, event.kind));
  return (
    isOfKind &&
    idNames.every((name) => {
      const wanted = filter[name];
      return typeof wanted !== "string" || isSame(event.resource[name], wanted);
    })
  );
}

export function matchesKind(wanted: string, kind: string): boolean {
  const [one, other] = [wanted.toLowerCase(), kind.toLowerCase()];
  return one.endsWith("*") ? other.startsWith(one.slice(0, -1)) : one === other;
}

/** A filter as clients write it. */
export interface AskedFilter {
  readonly kind?: string;
  readonly poolId?: string;
  readonly nodeId?: string;
  readonly jobId?: string;
  readonly taskId?: string;
  readonly scheduleId?: string;
}

/** What {@link parseKinds} asks for. */
export const kindsRule = "Expected up to 50 kinds such as task.completed or pool.*, separated by commas";

/** Undefined when `kind` is no list of kinds. */
export function readFilter({ kind, poolId, nodeId, jobId, taskId, scheduleId }: AskedFilter): EventFilter | undefined {
  const kinds = kind === undefined ? undefined : parseKinds(kind);
  if (kind !== undefined && !kinds) return undefined;
  return {
    ...(poolId === undefined ? {} : { poolId }),
    ...(nodeId === undefined ? {} : { nodeId }),
    ...(jobId === undefined ? {} : { jobId }),
    ...(taskId === undefined ? {} : { taskId }),
    ...(scheduleId === undefined ? {} : { jobScheduleId: scheduleId }),
    ...(kinds ? { kinds } : {}),
  };
}

/** The kinds of a list such as `task.*,PoolCreateEvent`; undefined when it is none. */
export function parseKinds(list: string): readonly string[] | undefined {
  const kinds = list.split(",").map((kind) => kind.trim());
  return kinds.every((kind) => /^[A-Za-z.]{1,64}\*?$|^\*$/.test(kind)) && kinds.length <= 50 ? kinds : undefined;
}
