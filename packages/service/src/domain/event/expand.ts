import type { EventRow, ExpandedEvent } from "./event.ts";
import { eventsOfOther } from "./other-events.ts";
import { eventsOfAutoScale, eventsOfPool } from "./pool-events.ts";
import { eventsOfTask } from "./task-events.ts";

/** The events of a row, in an order that stays: an event's place among them is a part of its id. */
export function expand(row: EventRow): readonly ExpandedEvent[] {
  switch (row.kind) {
    case "task":
      return row.changes.flatMap((change) => eventsOfTask(change, row));
    case "pool":
      return row.changes.flatMap((change) => eventsOfPool(change, row));
    case "autoScale":
      return row.changes.flatMap((run) => eventsOfAutoScale(run, row));
    default: {
      const { kind } = row;
      return row.changes.flatMap((change) => eventsOfOther(kind, change, row));
    }
  }
}
