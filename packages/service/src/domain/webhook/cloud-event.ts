import type { FeedEvent } from "@kyanite/contract";
import type { Webhook } from "./webhook.ts";

/** An event in the form of CloudEvents 1.0. */
export interface CloudEvent {
  readonly specversion: "1.0";
  /** Together with `source` it names the event: of one that comes twice it is the same. */
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: "application/json";
  readonly data: FeedEvent;
}

/** @param serviceUrl where the service is, as far as it is told; without a slash at the end */
function cloudEvent(event: FeedEvent, serviceUrl: string): CloudEvent {
  return {
    specversion: "1.0",
    id: event.id,
    source: `${serviceUrl}/accounts/${event.account}`,
    type: `kyanite.${event.kind}`,
    subject: event.resource.path,
    time: event.time,
    datacontenttype: "application/json",
    data: event,
  };
}

/** What a receiver is sent: its id is the same whenever the same events are sent. */
export interface Message {
  readonly id: string;
  readonly contentType: string;
  readonly body: string;
}

/** One event is sent as it is, and events of a webhook that has batches as a list. */
export function messageOf(
  { batchSize }: Pick<Webhook, "batchSize">,
  events: readonly FeedEvent[],
  serviceUrl: string,
): Message {
  const ids = [events[0]?.id, events.length > 1 ? events.at(-1)?.id : undefined].filter(Boolean);
  const written = events.map((event) => cloudEvent(event, serviceUrl));
  return {
    id: ids.join("_"),
    contentType: `application/${batchSize > 1 ? "cloudevents-batch" : "cloudevents"}+json; charset=utf-8`,
    body: JSON.stringify(batchSize > 1 ? written : written[0]),
  };
}

/** What the test of a webhook sends. */
export function testEvent(
  { id }: Pick<Webhook, "id">,
  { account, unique, now }: { readonly account: string; readonly unique: string; readonly now: Date },
): FeedEvent {
  return {
    id: `test-${unique}`,
    kind: "webhook.test",
    time: now.toISOString(),
    account,
    resource: { type: "webhook", path: `/kyanite/webhooks/${id}` },
    properties: {},
  };
}
