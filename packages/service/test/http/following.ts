import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { sharedKey } from "@kyanite/client/node";
import { type RunningService, until } from "@kyanite/testkit";

interface StreamRequest {
  readonly headers?: Readonly<Record<string, string>>;
  readonly lastEventId?: string;
}

async function open({ url, account }: RunningService, path: string, headers: Readonly<Record<string, string>>) {
  const target = `${path}${path.includes("?") ? "&" : "?"}api-version=2024-07-01.20.0`;
  const dated = { "ocp-date": new Date().toUTCString(), ...headers };
  const authorization = await sharedKey(account.name, account.key)({ method: "GET", target, headers: dated });
  const request = httpRequest(new URL(target, url), { headers: { ...dated, authorization } });
  const response = once(request.end(), "response");
  const [answer]: IncomingMessage[] = await response;
  if (answer?.statusCode !== 200) throw new Error(`answered ${answer?.statusCode}`);
  const chunks: Buffer[] = [];
  answer.on("data", (chunk: Buffer) => chunks.push(chunk));
  const ended = once(answer, "end").then(() => {});
  ended.catch(() => {});
  return { answer, ended, content: () => Buffer.concat(chunks).toString() };
}

/** Follows a file as its bytes. */
export async function followRaw(service: RunningService, path: string, { headers = {} }: StreamRequest = {}) {
  const { answer, ended, content } = await open(service, path, headers);
  return {
    ended,
    text: content,
    comes: (wanted: string) =>
      until(
        async () => content(),
        (found) => found.endsWith(wanted),
      ),
    trailers: () => answer.trailers,
    pause: () => answer.pause(),
    leave: () => answer.destroy(),
  };
}

interface SentEvent {
  readonly event: string;
  readonly id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Events {
  /** Resolves at the end of the stream. */
  readonly ended: Promise<void>;
  events(): readonly SentEvent[];
  /** What the events of lines say. */
  lines(): readonly Readonly<Record<string, unknown>>[];
  leave(): void;
}

/** Follows as events. */
export async function followEvents(
  service: RunningService,
  path: string,
  { lastEventId }: StreamRequest = {},
): Promise<Events> {
  const resumed: Readonly<Record<string, string>> = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
  const { answer, ended, content } = await open(service, path, { accept: "text/event-stream", ...resumed });
  const events = () => content().split("\n\n").slice(0, -1).flatMap(eventOf);
  return {
    ended,
    events,
    lines: () => events().flatMap(({ event, data }) => (event === "line" ? [data] : [])),
    leave: () => answer.destroy(),
  };
}

/** Comments are none. */
function eventOf(text: string): readonly SentEvent[] {
  const match = /^event: (\w+)\n(?:id: (.*)\n)?data: (.*)$/.exec(text);
  if (!match) return [];
  const [, event = "", id = "", data = "{}"] = match;
  return [{ event, id, data: JSON.parse(data) }];
}
