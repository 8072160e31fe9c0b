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
  readDueLetters,
  saveProgress,
  skipMissed,
} from "../store/webhooks.ts";
import { type EventPage, readEventPage } from "./page.ts";
import type { ReadRows } from "./recent-rows.ts";
import type { SendWebhook } from "./send-webhook.ts";

type Sent = Parameters<SendWebhook> extends [unknown, ...infer Rest] ? Rest : never;

export interface DeliveryParts {
  readonly database: Database;
  readonly readRows: ReadRows;
  readonly send: (webhook: Webhook, ...sent: Sent) => ReturnType<SendWebhook>;
  /** Where the service is, as far as it is told; without a slash at the end. */
  readonly serviceUrl: string;
  readonly clock: Clock;
  /** Between 0 and 1, as it comes. */
  readonly random: () => number;
}

/** About so many events of a webhook are in memory at a time. */
const eventsAtOnce = 100;

/** What is next for a webhook; undefined when that is no longer kept, and the webhook has gone on to what is. */
export async function nextEvents(
  webhook: DueWebhook,
  { database, readRows, clock }: DeliveryParts,
): Promise<EventPage | undefined> {
  const { position, events, batchSize } = webhook;
  const reader = {
    account: { pk: webhook.accountPk, name: webhook.accountName },
    filter: readFilter(webhook.filter) ?? {},
  };
  try {
    const limit = batchSize * Math.floor(eventsAtOnce / batchSize);
    return await readEventPage(readRows, reader, { from: { position, events }, limit });
  } catch (cause) {
    if (!(cause instanceof BatchError) || cause.code !== "EventCursorTooOld") throw cause;
    const { first } = await readEventBounds(database);
    const to = cursorAfterRow(first - 1);
    await skipMissed(database, webhook, { to, missed: to.position - position, now: clock.now() });
    return undefined;
  }
}

/**
 * Sends what a webhook wants, one request after the other. What became of a request is saved before the next one; a
 * server that ends in between sends it again.
 * @returns whether all of it is settled, and the webhook has not been changed meanwhile
 */
export async function deliverEvents(
  webhook: Webhook,
  page: EventPage,
  parts: DeliveryParts,
  stopped: AbortSignal,
): Promise<boolean> {
  let current = webhook;
  for (let start = 0; start < page.items.length; start += webhook.batchSize) {
    const events = page.items.slice(start, start + webhook.batchSize);
    const isLast = start + events.length === page.items.length;
    const saved = await deliverRequest(current, { events, end: isLast ? page.end : endOf(events) }, parts, stopped);
    if (!saved) return false;
    current = saved;
  }
  return true;
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
async function deliverRequest(
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
  const dead = { attempts: webhook.attempts + 1, error: failureOf(attempt), now };
  const saved = isGivenUp
    ? await transaction(database, async (sql) => {
        const moved = await saveProgress(sql, webhook, progress);
        if (moved) await insertDeadLetters(sql, webhook.pk, events, dead);
        return moved;
      })
    : await saveProgress(database, webhook, progress);
  const isSettled = isTaken(attempt) || isGivenUp;
  return isSettled && saved?.state === "enabled" && saved.revision === webhook.revision ? saved : undefined;
}

/** Sends dead letters that are to be sent again, as many as one request has, once. */
export async function redeliver(
  webhook: Webhook,
  { database, send, serviceUrl, clock }: DeliveryParts,
  stopped: AbortSignal,
): Promise<void> {
  const letters = await readDueLetters(database, webhook, webhook.batchSize);
  if (letters.length === 0) return;
  const events = letters.map(({ event }) => event);
  const attempt = await send(webhook, messageOf(webhook, events, serviceUrl), stopped);
  if (stopped.aborted && !isTaken(attempt)) return;
  const now = clock.now();
  await transaction(database, (sql) =>
    isTaken(attempt)
      ? deleteLetters(sql, webhook, letters, now)
      : keepLetters(sql, webhook, letters, { error: failureOf(attempt), now }),
  );
}
