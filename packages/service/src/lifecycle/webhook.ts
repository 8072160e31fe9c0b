import { BatchError, type WebhookAddParameter, type WebhookPatchParameter } from "@kyanite/contract";
import type { Account } from "../domain/account/account.ts";
import { checkFilter, newSettings, type Webhook } from "../domain/webhook/webhook.ts";
import type { Sql } from "../store/database.ts";
import { notify } from "../store/notices.ts";
import { countWebhooks, insertWebhook, saveWebhookSettings } from "../store/webhooks.ts";
import { requireAccount } from "./account.ts";

/** More would be a burden on who reads the feed for them. */
const mostWebhooks = 100;

/** Adds a webhook that sends what happens from now on. */
export async function addWebhook(
  sql: Sql,
  account: Account,
  { body, madeSecret, now }: { readonly body: WebhookAddParameter; readonly madeSecret: string; readonly now: Date },
): Promise<Webhook> {
  const settings = newSettings(body, madeSecret);
  await requireAccount(sql, account);
  if ((await countWebhooks(sql, account)) >= mostWebhooks)
    throw new BatchError("WebhookQuotaReached", { Reason: `An account may have ${mostWebhooks} webhooks` });
  const inserted = await insertWebhook(sql, account, { id: body.id, now, ...settings });
  if (!inserted) throw new BatchError("WebhookExists");
  return inserted;
}

export async function updateWebhook(
  sql: Sql,
  webhook: Webhook,
  { body, now }: { readonly body: WebhookPatchParameter; readonly now: Date },
): Promise<void> {
  const { signingSecret: secret = webhook.secret, ...rest } = body;
  const settings = { ...webhook, ...rest, secret };
  checkFilter(settings.filter);
  await saveWebhookSettings(sql, webhook.pk, settings, now);
  // Something may be due that has waited.
  await notify(sql, "positions");
}
