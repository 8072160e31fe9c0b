import { invalidProperty, type WebhookAddParameter, type WebhookFilter } from "@kyanite/contract";
import type { Cursor } from "../event/cursor.ts";
import { kindsRule, readFilter } from "../event/event-filter.ts";
import { unknownKind } from "../event/kinds.ts";

/** Where events of an account are sent, and how that goes. */
export interface Webhook extends Cursor, WebhookSettings {
  readonly pk: number;
  readonly accountPk: number;
  readonly key: string;
  readonly id: string;
  readonly creationTime: Date;
  readonly lastModified: Date;
  readonly revision: number;
  readonly stateReason: string | null;
  /** How often what comes next was tried in vain. */
  readonly attempts: number;
  readonly nextAttemptTime: Date | null;
  readonly deliveredCount: number;
  readonly missedCount: number;
  readonly lastMissedTime: Date | null;
  readonly consecutiveFailures: number;
  readonly lastSuccessTime: Date | null;
  readonly lastFailureTime: Date | null;
  readonly lastFailure: string | null;
}

/** What a client says of it. */
export interface WebhookSettings {
  readonly url: string;
  readonly filter: WebhookFilter;
  readonly secret: string;
  readonly batchSize: number;
  readonly maximumAttempts: number;
  readonly state: "enabled" | "disabled";
}

/** @param madeSecret is used when the client gives none */
export function newSettings(body: WebhookAddParameter, madeSecret: string): WebhookSettings {
  const { url, filter = {}, signingSecret = madeSecret, batchSize = 1, maximumAttempts = 10, state = "enabled" } = body;
  checkFilter(filter);
  return { url, filter, secret: signingSecret, batchSize, maximumAttempts, state };
}

/** @throws BatchError InvalidPropertyValue */
export function checkFilter(filter: WebhookFilter): void {
  const read = readFilter(filter);
  const reason = read ? unknownKind(read.kinds) : kindsRule;
  if (reason) throw invalidProperty("filter.kind", filter.kind, reason);
}
