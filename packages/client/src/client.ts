import type { ApiVersion, ArgumentsOf, allOperations, FeedEvent, ResponseOf } from "@kyanite/contract";
import { routes } from "@kyanite/contract/routes";
import { apiVersions } from "@kyanite/contract/versions";
import { type CallOptions, connect, type FileBody } from "./connection.ts";
import type { Credential } from "./credential.ts";
import type { SentEvent } from "./event-stream.ts";
import { type FollowOptions, followed } from "./followed.ts";
import { type Pages, pagesOf } from "./pages.ts";
import { type PlannedRequest, planRequest } from "./request.ts";
import { fetchTransport, type Transport, type WireAnswer } from "./transport.ts";

type Operations = typeof allOperations;
type Name = keyof Operations;
type NamesLike<Kind> = { [N in Name]: Operations[N] extends Kind ? N : never }[Name];
type ListName = NamesLike<{ readonly method: "GET"; readonly shape: "list" }>;
type FileName = NamesLike<{ readonly shape: "stream" }>;
type CallName = Exclude<Name, ListName | FileName>;

/** The arguments may be left out where an operation needs none. */
type Arguments<N extends Name> =
  Record<never, never> extends ArgumentsOf<Operations[N]>
    ? [given?: ArgumentsOf<Operations[N]>, options?: CallOptions]
    : [given: ArgumentsOf<Operations[N]>, options?: CallOptions];

export interface Answer<Body> extends Pick<WireAnswer, "status" | "headers"> {
  readonly body: Body;
}

/** What is added as a list is answered as one, all at once. */
type BodyOfAnswer<O extends Operations[Name]> =
  "list" extends ShapeOf<O> ? { readonly value: readonly ResponseOf<O>[] } : ResponseOf<O>;
type ShapeOf<O> = O extends { readonly shape: infer Shape } ? Shape : undefined;

/**
 * Calls of the operations of the contract by their names there. A request that is refused rejects with a `RequestError`,
 * one that takes too long with an error named `TimeoutError`, an aborted one with the reason of the signal.
 */
export interface BatchClient {
  /** Does one operation, as in `call("Task_Get", { jobId: "job", taskId: "task" })`. */
  call<N extends CallName>(name: N, ...given: Arguments<N>): Promise<Answer<BodyOfAnswer<Operations[N]>>>;
  /** Reads a list, as in `for await (const { id } of client.list("Pool_List"))`. */
  list<N extends ListName>(name: N, ...given: Arguments<N>): Pages<ResponseOf<Operations[N]>>;
  /**
   * Follows the feed, as in `for await (const { kind } of client.events({ jobId: "job" }))`: from now on, or after an event.
   * An interrupted stream goes on by itself, with nothing missing and nothing twice. Leave the loop, or abort, to end it.
   */
  events(given?: ArgumentsOf<Operations["Event_List"]>, options?: CallOptions): AsyncIterable<FeedEvent>;
  /**
   * Follows files of a task, as in `for await (const { event, data } of client.taskLog({ jobId: "job", taskId: "task" }))`:
   * `run`, `line`, `file` and `end` events as docs/logs.md describes them. An interrupted stream goes on by itself.
   */
  taskLog(given: ArgumentsOf<Operations["Task_GetLogs"]>, options?: CallOptions): AsyncIterable<SentEvent>;
  /** Begins to read a file; its length and the like are in the headers. */
  file<N extends FileName>(name: N, ...given: Arguments<N>): Promise<Answer<FileBody>>;
}

/** With the options of every call that has none of its own. */
export interface ClientOptions extends CallOptions {
  /** Where the service is, such as `https://localhost:10443`, and maybe a path before the service's own. */
  readonly url: string;
  readonly credential: Credential;
  /** The newest unless given. The types have its names; in an older version, a few properties go by other names. */
  readonly version?: ApiVersion;
  /** `fetch` unless given. */
  readonly transport?: Transport;
}

export function batchClient(options: ClientOptions): BatchClient {
  const { url, credential, version = apiVersions.at(-1), transport = fetchTransport } = options;
  const { origin, pathname } = new URL(url);
  const prefix = pathname.replace(/\/$/, "");
  const connection = connect({ origin, credential, transport });
  const plan = (name: Name, given: object = {}) => planRequest(routes[name], given, { prefix, version });
  const { signal, timeoutSeconds } = options;
  const within = (own: CallOptions = {}): CallOptions => ({ signal, timeoutSeconds, ...own });
  const follow = <Data>(
    request: PlannedRequest,
    { after, isLast }: Pick<FollowOptions, "after" | "isLast">,
    options?: CallOptions,
  ) => {
    const open = async (last: string | undefined) => {
      const headers = {
        ...request.headers,
        accept: "text/event-stream",
        ...(last !== undefined && { "last-event-id": last }),
      };
      return (await connection.file({ ...request, headers }, within(options))).body;
    };
    return followed<Data>(open, { after, isLast, signal: within(options).signal });
  };
  return {
    call: async (name: CallName, given?: object, options?: CallOptions) => {
      const { body, ...answer } = await connection.text(plan(name, given), within(options));
      return { ...answer, body: body === "" ? undefined : JSON.parse(body) };
    },
    list: (name: ListName, given?: object, options?: CallOptions) => {
      const first = plan(name, given);
      return pagesOf(async (link) => {
        const request = link === undefined ? first : { ...first, target: targetOf(link) };
        return JSON.parse((await connection.text(request, within(options))).body);
      });
    },
    async *events({ after, ...given } = {}, options) {
      const stream = follow<FeedEvent>(plan("Event_List", given), { after, isLast: () => false }, options);
      for await (const { event, data } of stream) if (event !== "end") yield data;
    },
    taskLog: (given, options) => follow<unknown>(plan("Task_GetLogs", given), { isLast: isEndOfLog }, options),
    file: (name: FileName, given?: object, options?: CallOptions) =>
      connection.file(plan(name, given), within(options)),
  };
}

/** A log whose server stops goes on at another one, or later. */
const isEndOfLog = ({ event, data }: SentEvent) => event === "end" && Object(data).reason !== "serverStopping";

/** Only what is behind the origin: whatever a link says, the credential goes to the service's own address. */
function targetOf(link: string): string {
  const { pathname, search } = new URL(link);
  return pathname + search;
}
