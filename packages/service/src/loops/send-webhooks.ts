import { setMaxListeners } from "node:events";
import { type Log, limitTo } from "@kyanite/runtime";
import { type DeliveryParts, deliverEvents, nextEvents, redeliver } from "../events/deliver-webhook.ts";
import type { EventPage } from "../events/page.ts";
import { recentRows } from "../events/recent-rows.ts";
import { isDatabaseAway } from "../store/database.ts";
import { type DueWebhook, moveWebhooks, readDueWebhooks } from "../store/webhooks.ts";
import type { Loop } from "./loop.ts";

interface WebhookOptions extends Omit<DeliveryParts, "readRows"> {
  readonly log: Log;
}

/** So many receivers are sent something at the same time. */
const requestsAtOnce = 64;
/** And so many of one account: receivers that take their time hold up only those of their own. */
const requestsOfAccount = 16;
/** What comes so soon after a look at the feed is read together. */
const pauseMilliseconds = 50;
/** Requests that are under way when the server stops have so long to be answered. */
const graceMilliseconds = 1_000;

/** A webhook that has something to be sent; dead letters are read when their turn comes. */
interface Work {
  readonly webhook: DueWebhook;
  readonly page: EventPage | undefined;
}

/** Sends events to those who want them. A receiver that takes its time holds up nobody else. */
export function sendWebhooks({ log, ...options }: WebhookOptions): Loop {
  const { database, clock } = options;
  const inTurn = limitTo(requestsAtOnce);
  const turns = new Map<number, ReturnType<typeof limitTo>>();
  const turnOf = (accountPk: number) => {
    const turn = turns.get(accountPk) ?? limitTo(requestsOfAccount);
    turns.set(accountPk, turn);
    return turn;
  };
  const parts: DeliveryParts = {
    ...options,
    readRows: recentRows(database),
    send: (webhook, ...sent) => turnOf(webhook.accountPk)(() => inTurn(() => options.send(webhook, ...sent))),
  };
  const underWay = new Map<number, Promise<void>>();
  const stopping = new AbortController();
  const stopped = new AbortController();
  setMaxListeners(0, stopping.signal, stopped.signal);

  const look = async (webhook: DueWebhook): Promise<Work> => ({
    webhook,
    page: webhook.hasDueLetters ? undefined : await nextEvents(webhook, parts),
  });
  const hasWork = ({ webhook, page }: Work) => webhook.hasDueLetters || (page?.items.length ?? 0) > 0;

  const deliver = async (first: Work): Promise<void> => {
    let next: Work | undefined = first;
    while (next && hasWork(next) && !stopping.signal.aborted) {
      const { webhook, page }: Work = next;
      if (!page) await redeliver(webhook, parts, stopped.signal);
      else if (!(await deliverEvents(webhook, page, parts, stopped.signal))) return;
      const [again] = await readDueWebhooks(database, clock.now(), webhook.pk);
      next = again && (await look(again));
    }
  };
  // What is wrong with one is no matter of the others.
  const tell = ({ id }: DueWebhook, cause: unknown) => {
    if (isDatabaseAway(cause)) log.warn("database away", { loop: "send-webhooks" });
    else log.error("webhook failed", { webhookId: id, cause });
  };
  const begin = (work: Work) => {
    const { pk } = work.webhook;
    const delivery = deliver(work)
      .catch((cause: unknown) => tell(work.webhook, cause))
      .finally(() => underWay.delete(pk));
    underWay.set(pk, delivery);
  };

  return {
    name: "send-webhooks",
    everySeconds: 1,
    notice: "positions",
    round: async (now) => {
      const due = await readDueWebhooks(database, now);
      const free = due.filter(({ pk }) => !underWay.has(pk));
      const looking = free.map((webhook) => look(webhook).catch((cause: unknown) => tell(webhook, cause)));
      const looked = (await Promise.all(looking)).filter((work) => work !== undefined);
      for (const work of looked) if (hasWork(work)) begin(work);
      const idle = looked.flatMap((work) => (work.page && !hasWork(work) ? [{ ...work, to: work.page.end }] : []));
      await moveWebhooks(database, idle);
      if (due.length > 0) await clock.sleep(pauseMilliseconds, stopping.signal);
      return idle.some(({ page }) => page?.hasMore);
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
