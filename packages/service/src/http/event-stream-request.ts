import { BatchError, type Operation } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";
import { type Caller, permits } from "../domain/account/caller.ts";
import { type AuthenticateOptions, authenticate } from "./auth.ts";
import type { EventStreamRequest } from "./handler.ts";
import { preferredType } from "./media-types.ts";
import type { SignedRequest } from "./shared-key.ts";

const answerTypes = ["application/json", "text/event-stream"] as const;

interface Asked {
  readonly request: SignedRequest;
  readonly place: { readonly accountName?: string | undefined };
  readonly route: { readonly operation: Operation };
}

/** What a request says of the stream of events that it wants, if it wants one and the operation offers it. */
export function eventStreamOf({ request, route: { operation } }: Asked): {
  readonly eventStream?: EventStreamRequest;
} {
  const { accept, "last-event-id": lastEventId } = request.headers;
  if (
    operation.eventStream !== "always" &&
    !(operation.eventStream && preferredType(String(accept ?? ""), answerTypes) === "text/event-stream")
  )
    return {};
  return { eventStream: typeof lastEventId === "string" && lastEventId !== "" ? { lastEventId } : {} };
}

/** Tells whether the credential of a request is still good, for answers that last. */
export function permissionOf(
  { request, place, route: { operation } }: Asked,
  caller: Caller,
  options: AuthenticateOptions & { readonly clock: Clock },
): () => Promise<boolean> {
  const begun = options.clock.now();
  // The date that a request was signed with stays good for its stream; a token's end does not move.
  const isSigned = /^sharedkey /i.test(String(request.headers.authorization));
  return async () => {
    const now = isSigned ? begun : options.clock.now();
    const again = await authenticate(request, place.accountName, now, options).catch(refusal);
    return again !== undefined && again.account.pk === caller.account.pk && permits(again.role, operation);
  };
}

/** While it cannot be told, the stream goes on. */
function refusal(cause: unknown): undefined {
  if (cause instanceof BatchError && cause.code !== "ServerBusy") return undefined;
  throw cause;
}
