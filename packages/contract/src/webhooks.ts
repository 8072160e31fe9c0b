import Type, { type Static } from "typebox";
import { eventFilter, FeedEvent } from "./events.ts";
import { operation } from "./operation.ts";
import { paged } from "./queries.ts";
import { DateTime, Id, Int32, Int64, model, optional, required, StringEnum, secret } from "./schema.ts";

/** Requests by which this server tells others of events. */

export const WebhookFilter = model("WebhookFilter", "Which events are sent, as a reader of the feed asks for them.", {
  kind: optional(eventFilter.kind),
  poolId: optional(eventFilter.poolId),
  nodeId: optional(eventFilter.nodeId),
  jobId: optional(eventFilter.jobId),
  taskId: optional(eventFilter.taskId),
  scheduleId: optional(eventFilter.scheduleId),
});
export type WebhookFilter = Static<typeof WebhookFilter>;

const WebhookState = StringEnum(["enabled", "disabled"], {
  description: "While it is disabled nothing is sent; what happens meanwhile is sent later, as far as it is kept.",
});

const Url = () =>
  Type.String({
    maxLength: 2_048,
    description: "Where events are sent: https, or http in networks that the setting `webhook-networks` names.",
  });

const Secret = () =>
  secret(
    Type.String({
      pattern: "^whsec_[A-Za-z0-9+/]{32,86}={0,2}$",
      description: "With which requests are signed: `whsec_` and 24 to 64 bytes in base64. It is not shown again.",
    }),
  );

const BatchSize = () => Int32({ minimum: 1, maximum: 100, default: 1 });
const batchText = "Most events of one request. With more than one, requests have a list of events.";

const MaximumAttempts = () => Int32({ minimum: 1, maximum: 30, default: 10 });
const attemptsText = "How often an event is tried before it becomes a dead letter and the next one has its turn.";

export const WebhookAddParameter = model("WebhookAddParameter", "A webhook that is to be added.", {
  id: Id,
  url: Url(),
  filter: optional(WebhookFilter, "All events of the account without it."),
  signingSecret: optional(Secret()),
  batchSize: optional(BatchSize(), batchText),
  maximumAttempts: optional(MaximumAttempts(), attemptsText),
  state: optional(WebhookState),
});
export type WebhookAddParameter = Static<typeof WebhookAddParameter>;

export const WebhookPatchParameter = model("WebhookPatchParameter", "What of a webhook is to be changed.", {
  url: optional(Url()),
  filter: optional(WebhookFilter, "Replaces the filter as a whole."),
  signingSecret: optional(Secret(), "Requests are signed with this one from now on."),
  batchSize: optional(BatchSize(), batchText),
  maximumAttempts: optional(MaximumAttempts(), attemptsText),
  state: optional(WebhookState),
});
export type WebhookPatchParameter = Static<typeof WebhookPatchParameter>;

const shown = {
  id: Id,
  url: Url(),
  filter: WebhookFilter,
  batchSize: required(BatchSize(), batchText),
  maximumAttempts: required(MaximumAttempts(), attemptsText),
  state: WebhookState,
  stateReason: optional(Type.String(), "Why the service has disabled it."),
  creationTime: DateTime(),
  lastModified: required(DateTime(), "When a client changed it last."),
  cursor: required(Type.String(), "How far in the feed it is: everything up to there is settled."),
  deliveredCount: required(Int64(), "Events that the receiver has taken."),
  deadLetterCount: required(Int64(), "Events that are dead letters now."),
  missedCount: required(
    Int64(),
    "Entries of the feed that were no longer kept when their turn came. An entry is what one statement has changed.",
  ),
  lastMissedTime: optional(DateTime()),
  consecutiveFailures: required(Int32(), "Attempts that have failed since the last one that succeeded."),
  attempts: required(Int32(), "Attempts of what comes next that have failed."),
  nextAttemptTime: optional(DateTime(), "Nothing is sent before."),
  lastSuccessTime: optional(DateTime()),
  lastFailureTime: optional(DateTime()),
  lastFailure: optional(Type.String(), "What the last attempt that failed has met."),
};

export const Webhook = model("Webhook", "Where events of the account are sent, and how that goes.", shown);
export type Webhook = Static<typeof Webhook>;

export const AddedWebhook = model("AddedWebhook", "A new webhook.", {
  ...shown,
  signingSecret: optional(
    Type.String(),
    "The secret that was made for it, when none was given. It is shown only here.",
  ),
});
export type AddedWebhook = Static<typeof AddedWebhook>;

export const WebhookTestResult = model("WebhookTestResult", "What came of a request.", {
  isSuccess: required(Type.Boolean(), "Whether the receiver has taken it: whether it answered with a status of 2xx."),
  status: optional(Int32(), "Of the receiver's answer, if there was one."),
  error: optional(Type.String(), "What went wrong."),
  durationMilliseconds: Int32(),
});
export type WebhookTestResult = Static<typeof WebhookTestResult>;

export const DeadLetter = model("DeadLetter", "An event that its receiver has not taken.", {
  number: Int64(),
  event: FeedEvent,
  attempts: required(Int32(), "How often it was sent in vain."),
  lastAttemptTime: DateTime(),
  error: required(Type.String(), "What the last attempt has met."),
  isDue: required(Type.Boolean(), "Whether it is about to be sent again."),
});
export type DeadLetter = Static<typeof DeadLetter>;

const missing = ["WebhookNotFound"] as const;

/** Where a webhook sends to may hold a secret, so that seeing it takes the same role as adding one. */
const access = "operate";

export const webhookOperations = {
  Webhook_Add: operation({
    summary: "Adds a webhook: from now on events are sent to a URL",
    method: "POST",
    path: "/kyanite/webhooks",
    access,
    body: WebhookAddParameter,
    status: 201,
    response: AddedWebhook,
    shape: "element",
    errors: ["WebhookExists", "WebhookQuotaReached"],
  }),
  Webhook_List: operation({
    summary: "Lists the webhooks of an account",
    method: "GET",
    path: "/kyanite/webhooks",
    access,
    query: paged,
    status: 200,
    response: Webhook,
    shape: "list",
    set: "webhooks",
    errors: [],
  }),
  Webhook_Get: operation({
    summary: "Shows a webhook and how its deliveries go",
    method: "GET",
    path: "/kyanite/webhooks/{webhookId}",
    access,
    status: 200,
    response: Webhook,
    shape: "element",
    errors: missing,
  }),
  Webhook_Patch: operation({
    summary: "Replaces the given properties of a webhook",
    method: "PATCH",
    path: "/kyanite/webhooks/{webhookId}",
    access,
    body: WebhookPatchParameter,
    status: 200,
    response: Webhook,
    shape: "element",
    errors: missing,
  }),
  Webhook_Delete: operation({
    summary: "Deletes a webhook and its dead letters",
    method: "DELETE",
    path: "/kyanite/webhooks/{webhookId}",
    access,
    status: 204,
    errors: missing,
  }),
  Webhook_Test: operation({
    summary: "Sends an event of kind `webhook.test` now, once, and tells what the receiver answered",
    method: "POST",
    path: "/kyanite/webhooks/{webhookId}/test",
    access,
    status: 200,
    response: WebhookTestResult,
    shape: "element",
    errors: missing,
  }),
  Webhook_ListDeadLetters: operation({
    summary: "Lists the events that the receiver of a webhook has not taken, oldest first",
    method: "GET",
    path: "/kyanite/webhooks/{webhookId}/deadletters",
    access,
    query: paged,
    status: 200,
    response: DeadLetter,
    shape: "list",
    set: "deadletters",
    errors: missing,
  }),
  Webhook_RedeliverAll: operation({
    summary: "Sends all dead letters of a webhook once more; those that are taken are dead letters no longer",
    method: "POST",
    path: "/kyanite/webhooks/{webhookId}/deadletters/redeliver",
    access,
    status: 202,
    errors: missing,
  }),
  Webhook_Redeliver: operation({
    summary: "Sends one dead letter once more; if it is taken it is a dead letter no longer",
    method: "POST",
    path: "/kyanite/webhooks/{webhookId}/deadletters/{number}/redeliver",
    access,
    status: 202,
    errors: [...missing, "DeadLetterNotFound"],
  }),
} as const;
