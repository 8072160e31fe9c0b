import { BatchError, type FeedEvent } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";
import { type Cursor, cursorAfterRow, parseCursor } from "../domain/event/cursor.ts";
import { readFilter } from "../domain/event/event-filter.ts";
import { afterAttempt, failureOf, isTaken } from "../domain/webhook/attempt.ts";
import { messageOf } from "../domain/webhook/cloud-event.ts";
import type { Webhook } from "../domain/webhook/webhook.ts";
import { type Database, transaction } from "../store/database.ts";
import { readEventBounds } from "../store/events.ts";
import {
  type DueWebhook,
  deleteLetters,
  insertDeadLetters,
  keepLetters,
  moveWebhook,
  readDueLetters,
  saveProgress,
} from "../store/webhooks.ts";
import { type EventPage, readEventPage } from "./page.ts";
import type { SendWebhook } from "./send-webhook.ts";

export interface DeliveryParts {
  readonly database: Database;
  readonly send: SendWebhook;
  /** Where the service is, as far as it is told; without a slash at the end. */
  readonly serviceUrl: string;
  readonly clock: Clock;
  /** Between 0 and 1, as it comes. */
  readonly random: () => number;
}

/** About so many events are in memory at a time. */
const eventsAtOnce = 100;

/**
 * Sends what is next, one request after the other. What became of a request is saved before the next one; a server that
 * ends in between sends it again.
 * @returns whether there may be more to be sent at once
 */
export async function deliverWebhook(
  webhook: DueWebhook,
  parts: DeliveryParts,
  stopped: AbortSignal,
): Promise<boolean> {
  if (webhook.hasDueLetters) return redeliver(webhook, parts, stopped);
  const { batchSize } = webhook;
  const page = await readNext(webhook, batchSize * Math.floor(eventsAtOnce / batchSize), parts);
  if (!page) return true;
  const now = parts.clock.now();
  if (page.items.length === 0) {
    await moveWebhook(parts.database, webhook, { to: page.end, now });
    return page.hasMore;
  }
  let current: Webhook = webhook;
  for (const events of inBatches(page.items, batchSize)) {
    const end = events.at(-1) === page.items.at(-1) ? page.end : endOf(events);
    const saved = await deliverEvents(current, { events, end }, parts, stopped);
    if (!saved) return false;
    current = saved;
  }
  return page.hasMore;
}

/** Undefined when the feed does not keep any more what is next: then the webhook has gone on. */
async function readNext(webhook: DueWebhook, limit: number, { database, clock }: DeliveryParts) {
  const account = { pk: webhook.accountPk, name: webhook.accountName };
  const { position, events } = webhook;
  try {
    const filter = readFilter(webhook.filter) ?? {};
    return await readEventPage(database, { account, filter }, { from: { position, events }, limit });
  } catch (cause) {
    if (!(cause instanceof BatchError) || cause.code !== "EventCursorTooOld") throw cause;
    const { first } = await readEventBounds(database);
    const to = cursorAfterRow(first - 1);
    await moveWebhook(database, webhook, { to, missed: to.position - position, now: clock.now() });
    return undefined;
  }
}

function inBatches(events: EventPage["items"], size: number): FeedEvent[][] {
  const starts = Array.from({ length: Math.ceil(events.length / size) }, (_, index) => index * size);
  return starts.map((start) => events.slice(start, start + size));
}

function endOf(events: readonly FeedEvent[]): Cursor {
  const end = parseCursor(events.at(-1)?.id ?? "");
  if (!end) throw new Error("an event has no id");
  return end;
}

interface Delivery {
  readonly events: readonly FeedEvent[];
  readonly end: Cursor;
}

/** The webhook as it is when the events are settled and it has not been changed meanwhile. */
async function deliverEvents(
  webhook: Webhook,
  { events, end }: Delivery,
  { database, send, serviceUrl, clock, random }: DeliveryParts,
  stopped: AbortSignal,
): Promise<Webhook | undefined> {
  const attempt = await send(webhook, messageOf(webhook, events, serviceUrl), stopped);
  if (stopped.aborted && !isTaken(attempt)) return undefined;
  const now = clock.now();
  const sent = { count: events.length, end };
  const { progress, isGivenUp } = afterAttempt(webhook, sent, attempt, { now, chance: random() });
  const saved = await transaction(database, async (sql) => {
    const moved = await saveProgress(sql, webhook, progress);
    if (moved && isGivenUp)
      await insertDeadLetters(sql, webhook.pk, events, {
        attempts: webhook.attempts + 1,
        error: failureOf(attempt),
        now,
      });
    return moved;
  });
  const isSettled = isTaken(attempt) || isGivenUp;
  return isSettled && saved?.state === "enabled" && saved.revision === webhook.revision ? saved : undefined;
}

/** Each of the dead letters that are to be sent again is tried once. */
async function redeliver(
  webhook: DueWebhook,
  { database, send, serviceUrl, clock }: DeliveryParts,
  stopped: AbortSignal,
): Promise<boolean> {
  const letters = await readDueLetters(database, webhook, webhook.batchSize);
  if (letters.length === 0) return true;
  const events = letters.map(({ event }) => event);
  const attempt = await send(webhook, messageOf(webhook, events, serviceUrl), stopped);
  if (stopped.aborted && !isTaken(attempt)) return false;
  const now = clock.now();
  await transaction(database, (sql) =>
    isTaken(attempt)
      ? deleteLetters(sql, webhook, letters, now)
      : keepLetters(sql, webhook, letters, { error: failureOf(attempt), now }),
  );
  return true;
}
