import { randomUUID } from "node:crypto";
import type { RequestListener } from "node:http";
import { TLSSocket } from "node:tls";
import type { Clock } from "@kyanite/runtime";
import signatures from "azurite/dist/src/blob/authentication/BlobSASAuthenticator.js";
import tokens from "azurite/dist/src/blob/authentication/BlobTokenAuthenticator.js";
import operations from "azurite/dist/src/blob/generated/artifacts/operation.js";
import service from "azurite/dist/src/blob/handlers/ServiceHandler.js";
import type { BlobContext, BlobRequest } from "azurite/dist/src/stores.js";
import { bearerToken } from "./bearer-token.ts";
import type { Asked } from "./blob-permissions.ts";
import { type DelegationTimes, readDelegationTimes } from "./delegation-times.ts";
import { answerRefusal, asStorageError, type Refusal, wrongTimes } from "./refusal.ts";
import type { TokenAccess } from "./token-access.ts";

// Where Azurite asks whether a request may be served. What it decides of tokens by itself it decides without looking at
// their signature, and it knows no roles.

/** Lets requests with a bearer token through to `take` only if the token is good, before anything is done for them. */
export function behindTokenGate(take: RequestListener, access: TokenAccess): RequestListener {
  return (request, response) => {
    const token = bearerToken(request.headers.authorization);
    if (token === undefined) return take(request, response);
    access.refusalOf(token, request.socket instanceof TLSSocket).then(
      (refusal) => {
        if (refusal) answerRefusal(response, asStorageError(refusal, randomUUID()));
        else take(request, response);
      },
      (cause: unknown) => {
        console.error("a token was not verified", cause);
        response.writeHead(500).end();
      },
    );
  };
}

/** Makes Azurite ask `access`, for single requests and for each of a batch, once it knows what is asked. */
export function decideBy(access: TokenAccess, clock: Clock): void {
  const Signatures = signatures.default;
  const Service = service.default;

  tokens.default = class {
    async validate(request: BlobRequest, context: BlobContext): Promise<boolean | undefined> {
      const token = bearerToken(request.getHeader("authorization"));
      if (token === undefined) return undefined;
      throwIf(await access.refusalOf(token, request.getProtocol() === "https", asked(request, context)), context);
      return true;
    }
  };

  signatures.default = class extends Signatures {
    override async validate(request: BlobRequest, context: BlobContext): Promise<boolean | undefined> {
      const isGood = await super.validate(request, context);
      const delegate = request.getQuery("skoid");
      if (isGood !== true || delegate === undefined) return isGood;
      throwIf(await access.refusalOfDelegate(delegate, asked(request, context)), context);
      return true;
    }
  };

  service.default = class extends Service {
    override async getUserDelegationKey(
      times: DelegationTimes | undefined,
      options: unknown,
      context: BlobContext,
    ): Promise<object> {
      const read = readDelegationTimes(times ?? {}, clock.now());
      if ("problem" in read) throw asStorageError(wrongTimes(read.problem), context.contextId ?? "");
      return super.getUserDelegationKey(read.times, options, context);
    }
  };
}

const asked = (request: BlobRequest, { operation }: BlobContext): Asked => ({
  operation: String(operation === undefined ? undefined : operations.default[operation]),
  makesPublic: request.getHeader("x-ms-blob-public-access") !== undefined,
});

function throwIf(refusal: Refusal | undefined, { contextId }: BlobContext): void {
  if (refusal) throw asStorageError(refusal, contextId ?? "");
}
