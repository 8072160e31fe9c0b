import type { Clock } from "@kyanite/runtime";
import { type Networks, parseNetworks } from "./networks.ts";
import { type SendWebhook, webhookSender } from "./send-webhook.ts";

/** What it takes to send events to webhooks, for who delivers them and who tries one. */
export interface Webhooks {
  readonly networks: Networks;
  readonly send: SendWebhook;
  /** Where the service is, as far as it is told; without a slash at the end. */
  readonly serviceUrl: string;
}

interface WebhookParts {
  readonly settings: { readonly webhookNetworks: string };
  readonly publicUrl?: string | undefined;
  readonly clock: Clock;
}

export function openWebhooks({ settings, publicUrl = "", clock }: WebhookParts): Webhooks {
  const networks = parseNetworks(settings.webhookNetworks);
  if (!networks) throw new Error("the setting webhook-networks was not checked");
  return { networks, send: webhookSender({ networks, clock }), serviceUrl: publicUrl.replace(/\/$/, "") };
}
