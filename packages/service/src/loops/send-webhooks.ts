import { type Log, limitTo } from "@kyanite/runtime";
import { type DeliveryParts, deliverWebhook } from "../events/deliver-webhook.ts";
import { isDatabaseAway } from "../store/database.ts";
import { readDueWebhooks } from "../store/webhooks.ts";
import type { Loop } from "./loop.ts";

interface WebhookOptions extends DeliveryParts {
  readonly log: Log;
}

/** So many receivers are sent something at the same time. */
const requestsAtOnce = 64;
/** After the last event of a webhook the feed is left alone for so long: what comes meanwhile is read together. */
const pauseMilliseconds = 100;
/** Requests that are under way when the server stops have so long to be answered. */
const graceMilliseconds = 1_000;

/** Sends events to those who want them. A receiver that takes its time holds up nobody else. */
export function sendWebhooks({ log, ...parts }: WebhookOptions): Loop {
  const { database, clock } = parts;
  const underWay = new Map<number, Promise<void>>();
  const stopping = new AbortController();
  const stopped = new AbortController();
  const inTurn = limitTo(requestsAtOnce);
  const limited = { ...parts, send: (...sent: Parameters<typeof parts.send>) => inTurn(() => parts.send(...sent)) };
  const deliver = async (pk: number) => {
    while (!stopping.signal.aborted) {
      const [webhook] = await readDueWebhooks(database, clock.now(), pk);
      if (!webhook) return;
      const hasMore = await deliverWebhook(webhook, limited, stopped.signal);
      if (!hasMore) await clock.sleep(pauseMilliseconds, stopping.signal);
    }
  };
  const begin = (pk: number) => {
    const delivery = deliver(pk)
      .catch((cause: unknown) => {
        if (isDatabaseAway(cause)) log.warn("database away", { loop: "send-webhooks" });
        else log.error("webhook failed", { webhookPk: pk, cause });
      })
      .finally(() => underWay.delete(pk));
    underWay.set(pk, delivery);
  };
  return {
    name: "send-webhooks",
    everySeconds: 1,
    notice: "positions",
    round: async (now) => {
      for (const { pk } of await readDueWebhooks(database, now)) if (!underWay.has(pk)) begin(pk);
      return false;
    },
    stop: async () => {
      stopping.abort();
      const all = Promise.all(underWay.values());
      await Promise.race([all, clock.sleep(graceMilliseconds, stopped.signal)]);
      stopped.abort();
      await all;
    },
  };
}
