import { randomUUID } from "node:crypto";
import {
  BatchError,
  invalidProperty,
  type DeadLetter as WireDeadLetter,
  type Webhook as WireWebhook,
} from "@kyanite/contract";
import { writeCursor } from "../../domain/event/cursor.ts";
import { isoTime } from "../../domain/time.ts";
import { failureOf, isTaken } from "../../domain/webhook/attempt.ts";
import { messageOf, testEvent } from "../../domain/webhook/cloud-event.ts";
import { newSecret } from "../../events/signature.ts";
import { urlProblem } from "../../events/webhook-url.ts";
import { lockExistingWebhook, readExistingWebhook } from "../../lifecycle/existing.ts";
import { addWebhook, updateWebhook } from "../../lifecycle/webhook.ts";
import { transaction } from "../../store/database.ts";
import { notify } from "../../store/notices.ts";
import {
  type DeadLetter,
  deleteWebhook,
  listDeadLetters,
  listWebhooks,
  makeLettersDue,
  type WebhookWithLetters,
} from "../../store/webhooks.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";
import { oneMore, pageOf } from "../lists.ts";

export const webhookHandlers = ({ database, webhooks, clock }: HandlerContext) => {
  const checkUrl = (url: string | undefined) => {
    const problem = url === undefined ? undefined : urlProblem(url, webhooks.networks);
    // There may be a password in it.
    if (problem !== undefined) throw invalidProperty("url", undefined, problem);
  };
  return {
    Webhook_Add: async ({ account, body, baseUrl, now }) => {
      checkUrl(body.url);
      const madeSecret = newSecret();
      const added = await transaction(database, (sql) => addWebhook(sql, account, { body, madeSecret, now }));
      return {
        body: {
          ...wireWebhook({ ...added, deadLetterCount: 0 }),
          ...(body.signingSecret === undefined ? { signingSecret: madeSecret } : {}),
        },
        location: `${baseUrl}/kyanite/webhooks/${added.id}`,
      };
    },

    Webhook_List: async ({ account, list }) => {
      const found = await listWebhooks(database, account, oneMore(list));
      return { body: pageOf(found, list.limit, ({ key }) => key, wireWebhook) };
    },

    Webhook_Get: async ({ account, params }) => ({
      body: wireWebhook(await readExistingWebhook(database, account, params)),
    }),

    Webhook_Patch: async ({ account, params, body, now }) => {
      checkUrl(body.url);
      await transaction(database, async (sql) =>
        updateWebhook(sql, await lockExistingWebhook(sql, account, params), { body, now }),
      );
      return { body: wireWebhook(await readExistingWebhook(database, account, params)) };
    },

    Webhook_Delete: async ({ account, params }) => {
      await transaction(database, async (sql) =>
        deleteWebhook(sql, (await lockExistingWebhook(sql, account, params)).pk),
      );
      return {};
    },

    Webhook_Test: async ({ account, params, now, signal }) => {
      const webhook = await readExistingWebhook(database, account, params);
      const event = testEvent(webhook, { account: account.name, unique: randomUUID(), now });
      const begun = clock.elapsed();
      const attempt = await webhooks.send(webhook, messageOf(webhook, [event], webhooks.serviceUrl), signal);
      return {
        body: {
          isSuccess: isTaken(attempt),
          ...(attempt.kind === "answered" ? { status: attempt.status } : {}),
          ...(isTaken(attempt) ? {} : { error: failureOf(attempt) }),
          durationMilliseconds: Math.round(clock.elapsed() - begun),
        },
      };
    },

    Webhook_ListDeadLetters: async ({ account, params, list }) => {
      const webhook = await readExistingWebhook(database, account, params);
      const after = list.after === undefined ? 0 : readNumber(list.after);
      if (after === undefined)
        throw new BatchError("InvalidQueryParameterValue", {
          QueryParameterName: "$skiptoken",
          Reason: "Not a token of this list",
        });
      const letters = await listDeadLetters(database, webhook, { ...oneMore(list), after });
      return { body: pageOf(letters, list.limit, ({ number }) => String(number), wireDeadLetter) };
    },

    Webhook_RedeliverAll: async ({ account, params }) => {
      await transaction(database, async (sql) => {
        await makeLettersDue(sql, await lockExistingWebhook(sql, account, params));
        await notify(sql, "positions");
      });
      return {};
    },

    Webhook_Redeliver: async ({ account, params }) => {
      const number = readNumber(params.number);
      await transaction(database, async (sql) => {
        const webhook = await lockExistingWebhook(sql, account, params);
        const made = number === undefined ? 0 : await makeLettersDue(sql, webhook, number);
        if (made === 0) throw new BatchError("DeadLetterNotFound");
        await notify(sql, "positions");
      });
      return {};
    },
  } satisfies OperationHandlers;
};

const readNumber = (text: string) => (/^\d{1,15}$/.test(text) ? Number(text) : undefined);

/** Its secret is not shown. */
function wireWebhook(webhook: WebhookWithLetters): WireWebhook {
  const { stateReason, lastMissedTime, nextAttemptTime, lastSuccessTime, lastFailureTime, lastFailure } = webhook;
  return {
    id: webhook.id,
    url: webhook.url,
    filter: webhook.filter,
    batchSize: webhook.batchSize,
    maximumAttempts: webhook.maximumAttempts,
    state: webhook.state,
    ...(stateReason === null ? {} : { stateReason }),
    creationTime: isoTime(webhook.creationTime),
    lastModified: isoTime(webhook.lastModified),
    cursor: writeCursor(webhook),
    deliveredCount: String(webhook.deliveredCount),
    deadLetterCount: String(webhook.deadLetterCount),
    missedCount: String(webhook.missedCount),
    ...(lastMissedTime && { lastMissedTime: isoTime(lastMissedTime) }),
    consecutiveFailures: webhook.consecutiveFailures,
    attempts: webhook.attempts,
    ...(nextAttemptTime && { nextAttemptTime: isoTime(nextAttemptTime) }),
    ...(lastSuccessTime && { lastSuccessTime: isoTime(lastSuccessTime) }),
    ...(lastFailureTime && { lastFailureTime: isoTime(lastFailureTime) }),
    ...(lastFailure === null ? {} : { lastFailure }),
  };
}

function wireDeadLetter({ number, lastAttemptTime, event, attempts, error, isDue }: DeadLetter): WireDeadLetter {
  return { number: String(number), event, attempts, lastAttemptTime: isoTime(lastAttemptTime), error, isDue };
}
