import Type, { type Static } from "typebox";
import { operation } from "./operation.ts";
import { paged } from "./queries.ts";
import { DateTime, FreeObject, model, optional, required } from "./schema.ts";

export const EventResource = model("EventResource", "The resource that an event is about, and those that it is in.", {
  type: Type.String({
    description: "`pool`, `node`, `job`, `jobSchedule`, `task`, `application` or `package`.",
  }),
  path: Type.String({ description: "The path of its URL, such as `/jobs/j/tasks/t`; it may be gone by now." }),
  poolId: optional(Type.String(), "Of a task and its job: where it runs or is to run."),
  nodeId: optional(Type.String(), "Of a task: where it runs or last ran."),
  jobId: optional(Type.String()),
  taskId: optional(Type.String()),
  jobScheduleId: optional(Type.String(), "Of a job and its tasks: the schedule that made it."),
  applicationId: optional(Type.String()),
  version: optional(Type.String()),
});
export type EventResource = Static<typeof EventResource>;

export const FeedEvent = model("FeedEvent", "Something that has changed, as it was when it changed.", {
  id: Type.String({ description: "Its place in the feed: the cursor of who has read up to it." }),
  kind: Type.String({
    description:
      "What has happened, such as `task.completed` or `pool.allocation.steady`, or the name of a documented service event.",
  }),
  time: DateTime(),
  account: Type.String({ description: "Name of the account." }),
  resource: EventResource,
  state: optional(Type.String(), "The state that the resource is in now; of a pool's allocation, that state."),
  previousState: optional(Type.String(), "The state that it was in before."),
  properties: required(FreeObject(), "Facts; of a documented service event exactly its documented properties."),
});
export type FeedEvent = Static<typeof FeedEvent>;

/** Which events are meant; what is not given is no condition. Ids are matched without case. */
export const eventFilter = {
  kind: Type.String({
    maxLength: 2_000,
    description: "Kinds, separated by commas; one that ends with `*` stands for all that begin so, such as `task.*`.",
  }),
  poolId: Type.String({ maxLength: 64, description: "Events of this pool, its nodes, its jobs and their tasks." }),
  nodeId: Type.String({ maxLength: 256, description: "Events of this node and of the tasks that run on it." }),
  jobId: Type.String({ maxLength: 80, description: "Events of this job and its tasks." }),
  taskId: Type.String({ maxLength: 64, description: "Events of tasks with this id." }),
  scheduleId: Type.String({ maxLength: 64, description: "Events of this job schedule, its jobs and their tasks." }),
};

export const eventOperations = {
  Event_List: operation({
    summary: "Reads the feed of events, page by page, or as it grows with `Accept: text/event-stream`",
    method: "GET",
    path: "/kyanite/events",
    access: "read",
    withinJob: "byCaller",
    eventStream: true,
    query: {
      after: Type.String({
        maxLength: 64,
        description: "A cursor: the id of the last event that was read. A stream takes `Last-Event-ID` as well.",
      }),
      from: Type.String({ format: "date-time", description: "Events from this time on." }),
      ...eventFilter,
      ...paged,
    },
    status: 200,
    response: FeedEvent,
    shape: "list",
    grows: true,
    set: "events",
    errors: ["EventCursorTooOld"],
  }),
} as const;
