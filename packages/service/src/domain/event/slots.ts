import { after } from "../time.ts";

/** A partition of the feed. Writers use them in turns; the oldest is emptied before its turn comes again. */
export interface EventSlot {
  readonly slot: number;
  /** When writers turned to it, and how many changes there had been by then; null while it is empty. */
  readonly began: Date | null;
  readonly changes: number | null;
}

/** For how long and how many changes are kept; what comes first counts. */
export interface EventRetention {
  readonly eventRetentionHours: number;
  readonly eventRetentionCount: number;
}

export interface Slots {
  readonly current: number;
  /** How many changes there have been in all. */
  readonly changes: number;
  readonly slots: readonly EventSlot[];
}

/** Besides the one that is written to and one that is empty, all hold what is kept. */
const sharedBy = 6;

/** The slots whose latest event is too old, or has too many after it; the one that is written to never is. */
export function expiredSlots({ current, changes, slots }: Slots, retention: EventRetention, now: Date): number[] {
  const oldest = after(now, -3_600 * retention.eventRetentionHours);
  return inOrder(current, slots).flatMap(({ slot, began }, index, ordered) => {
    const next = ordered.slice(index + 1).find((each) => each.began !== null);
    if (began === null || !next?.began) return [];
    const isTooOld = next.began <= oldest;
    const hasTooMany = changes - (next.changes ?? 0) >= retention.eventRetentionCount;
    return isTooOld || hasTooMany ? [slot] : [];
  });
}

/** The slot to write to from now on: the next one, when the present one has had its share; undefined to stay. */
export function nextSlot({ current, changes, slots }: Slots, retention: EventRetention, now: Date): number | undefined {
  const present = slots.find(({ slot }) => slot === current);
  const next = slots[(current + 1) % slots.length];
  if (!present?.began || !next || next.began !== null) return undefined;
  const isOld = present.began <= after(now, (-3_600 * retention.eventRetentionHours) / sharedBy);
  const isFull = changes - (present.changes ?? 0) >= retention.eventRetentionCount / sharedBy;
  return isOld || isFull ? next.slot : undefined;
}

/** From the oldest to the one that is written to. */
function inOrder(current: number, slots: readonly EventSlot[]): EventSlot[] {
  return [...slots.slice(current + 1), ...slots.slice(0, current + 1)];
}
