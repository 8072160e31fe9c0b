import type { FeedEvent } from "@kyanite/contract";
import type { Account } from "../domain/account/account.ts";
import type { Cursor } from "../domain/event/cursor.ts";
import type { Progress } from "../domain/webhook/attempt.ts";
import type { Webhook, WebhookSettings } from "../domain/webhook/webhook.ts";
import { asArray, asJson, type Sql } from "./database.ts";

/** A webhook as clients see it. */
export interface WebhookWithLetters extends Webhook {
  readonly deadLetterCount: number;
}

/** Inserts a webhook that begins where the feed ends now; undefined when the account has one of that name. */
export async function insertWebhook(
  sql: Sql,
  account: Account,
  { id, now, ...settings }: WebhookSettings & { readonly id: string; readonly now: Date },
): Promise<Webhook | undefined> {
  const [inserted] = await sql<Webhook[]>`
    insert into webhook (
      account_pk, key, id, creation_time, last_modified, url, filter, secret, batch_size, maximum_attempts, state, position
    ) select ${account.pk}, ${id.toLowerCase()}, ${id}, ${now}, ${now}, ${settings.url},
      ${asJson(settings.filter)}::text::jsonb, ${settings.secret}, ${settings.batchSize}, ${settings.maximumAttempts},
      ${settings.state}, position from event_counter
    on conflict (account_pk, key) do nothing
    returning *`;
  return inserted;
}

export async function countWebhooks(sql: Sql, account: Account): Promise<number> {
  const [row] = await sql<{ count: number }[]>`select count(*) from webhook where account_pk = ${account.pk}`;
  return row?.count ?? 0;
}

/** One page of webhooks in the order of their keys, beginning after `after`. */
export async function listWebhooks(
  sql: Sql,
  account: Account,
  { after = "", limit }: { readonly after?: string; readonly limit: number },
): Promise<WebhookWithLetters[]> {
  return sql<WebhookWithLetters[]>`
    select w.*, ${letterCount(sql)} from webhook w
    where w.account_pk = ${account.pk} and w.key > ${after} order by w.key limit ${limit}`;
}

export async function readWebhook(sql: Sql, account: Account, id: string): Promise<WebhookWithLetters | undefined> {
  const [webhook] = await sql<WebhookWithLetters[]>`
    select w.*, ${letterCount(sql)} from webhook w
    where w.account_pk = ${account.pk} and w.key = ${id.toLowerCase()}`;
  return webhook;
}

const letterCount = (sql: Sql) =>
  sql`(select count(*) from webhook_dead_letter l where l.webhook_pk = w.pk) as dead_letter_count`;

export async function lockWebhook(sql: Sql, account: Account, id: string): Promise<Webhook | undefined> {
  const [webhook] = await sql<Webhook[]>`
    select * from webhook where account_pk = ${account.pk} and key = ${id.toLowerCase()} for no key update`;
  return webhook;
}

/** What was waited for is tried at once: who changes a webhook has put something right. */
export async function saveWebhookSettings(sql: Sql, pk: number, settings: WebhookSettings, now: Date): Promise<void> {
  await sql`
    update webhook set
      last_modified = ${now}, revision = revision + 1, url = ${settings.url},
      filter = ${asJson(settings.filter)}::text::jsonb, secret = ${settings.secret}, batch_size = ${settings.batchSize},
      maximum_attempts = ${settings.maximumAttempts}, state = ${settings.state}, attempts = 0, next_attempt_time = null,
      state_reason = case when ${settings.state} = 'disabled' then state_reason end
    where pk = ${pk}`;
}

export async function deleteWebhook(sql: Sql, pk: number): Promise<void> {
  await sql`delete from webhook where pk = ${pk}`;
}

/** A webhook that has something to send. */
export interface DueWebhook extends Webhook {
  readonly accountName: string;
  readonly hasDueLetters: boolean;
}

/** Webhooks that have something to look at now, or one of them. */
export async function readDueWebhooks(sql: Sql, now: Date, pk?: number): Promise<DueWebhook[]> {
  return sql<DueWebhook[]>`
    select * from (
      select w.*, a.name as account_name, c.position as last_position, exists (
        select from webhook_dead_letter l where l.webhook_pk = w.pk and l.is_due
      ) as has_due_letters
      from webhook w join account a on a.pk = w.account_pk cross join event_counter c
      where w.state = 'enabled' ${pk === undefined ? sql`` : sql`and w.pk = ${pk}`}
    ) each
    where has_due_letters or position < last_position and (next_attempt_time is null or next_attempt_time <= ${now})`;
}

/**
 * Saves what became of an attempt, if the webhook is still where it was when that began.
 * @returns the webhook as it is now; undefined when somebody else has moved or deleted it
 */
export async function saveProgress(
  sql: Sql,
  { pk, position, events }: Webhook,
  progress: Progress,
): Promise<Webhook | undefined> {
  const [saved] = await sql<Webhook[]>`
    update webhook set
      position = ${progress.position}, events = ${progress.events}, attempts = ${progress.attempts},
      next_attempt_time = ${progress.nextAttemptTime}, delivered_count = ${progress.deliveredCount},
      consecutive_failures = ${progress.consecutiveFailures}, last_success_time = ${progress.lastSuccessTime},
      last_failure_time = ${progress.lastFailureTime}, last_failure = ${progress.lastFailure},
      state = case when ${progress.state} = 'disabled' then 'disabled' else state end,
      state_reason = coalesce(${progress.stateReason}, state_reason)
    where pk = ${pk} and position = ${position} and events = ${events}
    returning *`;
  return saved;
}

/** Goes on to what is kept, and counts what was not. */
export async function skipMissed(
  sql: Sql,
  { pk, position, events }: Webhook,
  { to, missed, now }: { readonly to: Cursor; readonly missed: number; readonly now: Date },
): Promise<void> {
  await sql`
    update webhook set
      position = ${to.position}, events = ${to.events}, missed_count = missed_count + ${missed},
      last_missed_time = ${now}
    where pk = ${pk} and position = ${position} and events = ${events}`;
}

/** Webhooks that want nothing of what there is up to a cursor, each of its own. */
export async function moveWebhooks(
  sql: Sql,
  moves: readonly { readonly webhook: Webhook; readonly to: Cursor }[],
): Promise<void> {
  if (moves.length === 0) return;
  const column = (of: (move: (typeof moves)[0]) => number) => asArray(moves.map(of));
  await sql`
    with present as (
      select w.pk, moved.to_position, moved.to_events from unnest(
        ${column(({ webhook }) => webhook.pk)}::text::bigint[],
        ${column(({ webhook }) => webhook.position)}::text::bigint[],
        ${column(({ webhook }) => webhook.events)}::text::integer[],
        ${column(({ to }) => to.position)}::text::bigint[],
        ${column(({ to }) => to.events)}::text::integer[]
      ) as moved (pk, position, events, to_position, to_events)
      join webhook w on w.pk = moved.pk and w.position = moved.position and w.events = moved.events
      order by w.pk for no key update of w
    )
    update webhook w set position = present.to_position, events = present.to_events from present where w.pk = present.pk`;
}

/** An event that its receiver has not taken. */
export interface DeadLetter {
  readonly number: number;
  readonly event: FeedEvent;
  readonly attempts: number;
  readonly lastAttemptTime: Date;
  readonly error: string;
  readonly isDue: boolean;
}

/** So many are kept of a webhook. */
const mostDeadLetters = 1_000;

export async function insertDeadLetters(
  sql: Sql,
  webhookPk: number,
  events: readonly FeedEvent[],
  { attempts, error, now }: { readonly attempts: number; readonly error: string; readonly now: Date },
): Promise<void> {
  await sql`
    insert into webhook_dead_letter (webhook_pk, event, attempts, last_attempt_time, error)
    select ${webhookPk}, value, ${attempts}, ${now}, ${error}
    from jsonb_array_elements(${asJson(events)}::text::jsonb) with ordinality order by ordinality`;
  await sql`
    delete from webhook_dead_letter where webhook_pk = ${webhookPk} and number <= (
      select number from webhook_dead_letter where webhook_pk = ${webhookPk}
      order by number desc offset ${mostDeadLetters} limit 1
    )`;
}

/** One page of dead letters, oldest first, beginning after a number. */
export async function listDeadLetters(
  sql: Sql,
  { pk }: Webhook,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<DeadLetter[]> {
  return sql<DeadLetter[]>`
    select * from webhook_dead_letter where webhook_pk = ${pk} and number > ${after} order by number limit ${limit}`;
}

/** The oldest that are to be sent again. */
export async function readDueLetters(sql: Sql, { pk }: Webhook, limit: number): Promise<DeadLetter[]> {
  return sql<DeadLetter[]>`
    select * from webhook_dead_letter where webhook_pk = ${pk} and is_due order by number limit ${limit}`;
}

/** Has a dead letter, or all of them, sent again; answers how many. */
export async function makeLettersDue(sql: Sql, { pk }: Webhook, number?: number): Promise<number> {
  const made = await sql`
    update webhook_dead_letter set is_due = true
    where webhook_pk = ${pk} ${number === undefined ? sql`` : sql`and number = ${number}`}`;
  return made.count;
}

const numbersOf = (letters: readonly DeadLetter[]) => asArray(letters.map(({ number }) => number));

/** Letters that were taken after all. */
export async function deleteLetters(
  sql: Sql,
  { pk }: Webhook,
  letters: readonly DeadLetter[],
  now: Date,
): Promise<void> {
  await sql`
    update webhook set
      delivered_count = delivered_count + ${letters.length}, consecutive_failures = 0, last_success_time = ${now}
    where pk = ${pk}`;
  await sql`
    delete from webhook_dead_letter
    where webhook_pk = ${pk} and number = any(${numbersOf(letters)}::text::bigint[])`;
}

/** Letters that were not taken once more: they stay, and the others that were to be sent are not tried. */
export async function keepLetters(
  sql: Sql,
  { pk }: Webhook,
  letters: readonly DeadLetter[],
  { error, now }: { readonly error: string; readonly now: Date },
): Promise<void> {
  await sql`
    update webhook set
      consecutive_failures = consecutive_failures + 1, last_failure_time = ${now}, last_failure = ${error}
    where pk = ${pk}`;
  await sql`
    update webhook_dead_letter set attempts = attempts + 1, last_attempt_time = ${now}, error = ${error}
    where webhook_pk = ${pk} and number = any(${numbersOf(letters)}::text::bigint[])`;
  await sql`update webhook_dead_letter set is_due = false where webhook_pk = ${pk} and is_due`;
}
