/** What a row of the feed is about. */
export type RowKind = "pool" | "autoScale" | "node" | "job" | "jobSchedule" | "task" | "application" | "package";

/** A row of the feed: what one statement has changed. */
export type EventRow = TaskRow | OtherRow;

interface AnyRow {
  /** Its place in the feed; grows by one from row to row. */
  readonly position: number;
  readonly time: Date;
  readonly accountPk: number;
  readonly change: "created" | "changed" | "deleted";
  /** How many changes it holds. */
  readonly size: number;
}

export interface TaskRow extends AnyRow {
  readonly kind: "task";
  readonly about: { readonly jobId: string; readonly poolId: string };
  readonly changes: readonly TaskChange[];
}

export interface OtherRow extends AnyRow {
  readonly kind: Exclude<RowKind, "task">;
  readonly about: About;
  readonly changes: readonly Facts[];
}

/** The ids of a resource, and what there is to say of it besides. */
export interface About extends Nullable<Ids> {
  readonly isAutoPool?: boolean;
  readonly isDedicated?: boolean;
  readonly currentDedicatedNodes?: number;
  readonly currentLowPriorityNodes?: number;
}

/** The database writes `null` for what is absent. */
type Nullable<T> = { readonly [K in keyof T]: T[K] | null };

export type Facts = Readonly<Record<string, unknown>>;

/** What a task was after a change, as the database keeps it. */
export interface TaskChange {
  readonly id: string;
  readonly state: string | null;
  readonly previous_state: string | null;
  readonly pool_id: string | null;
  readonly node_id: string | null;
  readonly is_manager: boolean;
  readonly required_slots: number;
  readonly instances: number | null;
  readonly max_retry_count: number | null;
  readonly retry_count: number;
  readonly requeue_count: number;
  readonly internal_retry_count: number;
  /** Whether it went back to the queue through somebody's wish. */
  readonly is_requeue: boolean;
  /** Whether it went back to the queue because the service could not run it. */
  readonly is_internal_retry: boolean;
  readonly start_time: string | null;
  readonly end_time: string | null;
  readonly exit_code: number | null;
  readonly result: string | null;
  readonly failure_info: unknown;
}

/** Which resources an event concerns; those of its own kind and those that it belongs to. */
export interface Ids {
  readonly poolId?: string;
  readonly nodeId?: string;
  readonly jobId?: string;
  readonly taskId?: string;
  readonly jobScheduleId?: string;
  readonly applicationId?: string;
  readonly version?: string;
}

/** One event as readers of the feed see it, but for its id, its time and its account, which its row has. */
export interface ExpandedEvent {
  /** Such as `task.completed`, or the name of a documented service event. */
  readonly kind: string;
  readonly resource: Ids & { readonly type: string; readonly path: string };
  readonly state?: string;
  readonly previousState?: string;
  readonly properties: Facts;
}
