import { type allOperations, BatchError } from "@kyanite/contract";
import { type Cursor, writeCursor } from "../../domain/event/cursor.ts";
import { type EventFilter, kindsRule, readFilter } from "../../domain/event/event-filter.ts";
import { unknownKind } from "../../domain/event/kinds.ts";
import { type EventPage, readEventPage } from "../../events/page.ts";
import { checkKept, cursorAtTime, oldestCursor, readCursor, readRowsAfter } from "../../events/reading.ts";
import type { ReadRows } from "../../events/recent-rows.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";
import { eventStream } from "../events/stream.ts";
import type { Call } from "../handler.ts";

type ListCall = Call<(typeof allOperations)["Event_List"]>;

export const eventHandlers = ({ database, feed, streams, clock }: HandlerContext): OperationHandlers => ({
  Event_List: async (call) => {
    const reader = { account: { pk: call.account.pk, name: call.account.name }, filter: filterOf(call) };
    const given = givenStart(call);
    const { from } = call.query;
    const readRows: ReadRows = (cursor, limit) => readRowsAfter(database, cursor, limit);
    if (given) await checkKept(database, given.position);
    const start = given ?? (from === undefined ? undefined : await cursorAtTime(database, new Date(from)));
    if (!call.eventStream)
      return {
        body: pageOf(
          await readEventPage(readRows, reader, {
            from: start ?? (await oldestCursor(database)),
            limit: call.list.limit,
          }),
        ),
      };
    return {
      stream: await eventStream(feed, streams.open(call), { reader, from: start, clock }),
      headers: streamHeaders,
    };
  },
});

const pageOf = ({ items, end, hasMore }: EventPage) => ({
  items,
  ...(hasMore ? { next: writeCursor(end) } : { cursor: writeCursor(end) }),
});

/** No proxy on the way is to hold anything back. */
const streamHeaders = { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" };

/** What a client has read already; what it was told last goes before what it asked for first. */
function givenStart({ query, list, eventStream }: ListCall): Cursor | undefined {
  const last = eventStream?.lastEventId;
  if (last !== undefined) return readCursor(last, "last-event-id");
  const after = list.after ?? query.after;
  return after === undefined ? undefined : readCursor(after, "after");
}

/** What a task's token asks for is about its own job, whatever else it says. */
function filterOf({ query, onlyJobId }: ListCall): EventFilter {
  const { jobId, kind = "", from } = query;
  if (onlyJobId !== undefined && jobId !== undefined && jobId.toLowerCase() !== onlyJobId.toLowerCase())
    throw new BatchError("InsufficientAccountPermissions", { Reason: `The task's token is for job ${onlyJobId} only` });
  const filter = readFilter({ ...query, ...(onlyJobId === undefined ? {} : { jobId: onlyJobId }) });
  const reason = unknownKind(filter?.kinds);
  if (!filter || reason !== undefined)
    throw new BatchError("InvalidQueryParameterValue", {
      QueryParameterName: "kind",
      QueryParameterValue: kind.slice(0, 100),
      Reason: reason ?? kindsRule,
    });
  return { ...filter, ...(from === undefined ? {} : { from: new Date(from) }) };
}
