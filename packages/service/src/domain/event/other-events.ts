import type { ExpandedEvent, Facts, Ids, OtherRow } from "./event.ts";
import { scheduleOfJob } from "./ids.ts";

type Kind = "node" | "job" | "jobSchedule" | "application" | "package";

/** What the database keeps of a change of these. */
interface Change extends Facts {
  readonly before?: Facts | null;
  readonly after?: Facts | null;
}

interface Form {
  /** The first part of its events' kinds. */
  readonly name: string;
  readonly path: (ids: Ids) => string;
}

const forms: Readonly<Record<Kind, Form>> = {
  node: { name: "node", path: ({ poolId, nodeId }) => `/pools/${poolId}/nodes/${nodeId}` },
  job: { name: "job", path: ({ jobId }) => `/jobs/${jobId}` },
  jobSchedule: { name: "jobschedule", path: ({ jobScheduleId }) => `/jobschedules/${jobScheduleId}` },
  application: { name: "application", path: ({ applicationId }) => `/applications/${applicationId}` },
  package: {
    name: "package",
    path: ({ applicationId, version }) => `/applications/${applicationId}/versions/${version}`,
  },
};

/** The events of a change of a node, a job, a schedule or a package. */
export function eventsOfOther(kind: Kind, change: Change, row: OtherRow): ExpandedEvent[] {
  const { name, path } = forms[kind];
  const ids = idsOf(row);
  const resource = { type: kind, ...ids, path: path(ids) };
  const state = textOf(change.after, "state");
  const previousState = textOf(change.before, "state");
  const states = {
    ...(state === undefined ? {} : { state }),
    ...(previousState === undefined ? {} : { previousState }),
  };
  const properties = propertiesOf(change, row);
  if (row.change !== "changed") return [{ kind: `${name}.${row.change}`, resource, ...states, properties }];
  if (kind === "application") return [{ kind: `${name}.changed`, resource, properties }];
  return [
    ...(state === previousState ? [] : [{ kind: `${name}.${state}`, resource, ...states, properties }]),
    ...schedulingEvents(change).map((what) => ({ kind: `${name}.scheduling.${what}`, resource, properties })),
  ];
}

/** Whether a node may be given tasks is a state of its own. */
function schedulingEvents({ before, after }: Change): string[] {
  const now = textOf(after, "schedulingState");
  return now === undefined || now === textOf(before, "schedulingState") ? [] : [now];
}

function idsOf({ about }: OtherRow): Ids {
  const { poolId, nodeId, jobId, jobScheduleId, applicationId, version } = about;
  const given = { poolId, nodeId, jobId, jobScheduleId, applicationId, version };
  const known = Object.fromEntries(Object.entries(given).filter(([, id]) => typeof id === "string"));
  return { ...(typeof jobId === "string" ? scheduleOfJob(jobId) : {}), ...known };
}

function propertiesOf({ before, after, ...rest }: Change, { about }: OtherRow): Facts {
  const { state: _, ...facts } = after ?? {};
  const isDedicated = about.isDedicated === undefined ? {} : { isDedicated: about.isDedicated };
  const all = { ...isDedicated, ...facts, ...rest };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
}

function textOf(facts: Facts | null | undefined, name: string): string | undefined {
  const value = facts?.[name];
  return typeof value === "string" ? value : undefined;
}
