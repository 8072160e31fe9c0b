import type { Clock } from "@kyanite/runtime";
import type { StorageRole } from "../trust.ts";
import { roleOfToken, TokenRefused } from "./bearer-token.ts";
import { type Asked, mayCall } from "./blob-permissions.ts";
import { overHttp, type Refusal, withoutPermission, wrongToken } from "./refusal.ts";
import type { Trusted } from "./trusted.ts";

/** Decides what tokens permit, and what somebody has signed whom a token let in before. */
export interface TokenAccess {
  /**
   * Why a token permits nothing, or not what is asked; undefined when it does.
   * @param asked left out where it is not known yet
   */
  readonly refusalOf: (token: string, isSecure: boolean, asked?: Asked) => Promise<Refusal | undefined>;
  /** The same of a signature with the user delegation key that was given to this principal. */
  readonly refusalOfDelegate: (principal: string, asked: Asked) => Promise<Refusal | undefined>;
}

interface TokenAccessParts {
  readonly whom: () => Promise<Trusted | undefined>;
  readonly accountName: string;
  readonly clock: Clock;
}

export function tokenAccess({ whom, accountName, clock }: TokenAccessParts): TokenAccess {
  return {
    refusalOf: async (token, isSecure, asked) => {
      if (!isSecure) return overHttp;
      const trusted = await whom();
      if (!trusted) return wrongToken("Issuer validation failed. No issuer is known.", undefined);
      try {
        return refusalFor(await roleOfToken(token, { trusted, accountName, now: clock.now() }), asked);
      } catch (cause) {
        if (cause instanceof TokenRefused) return wrongToken(cause.message, trusted.authority);
        throw cause;
      }
    },
    refusalOfDelegate: async (principal, asked) => {
      const trusted = await whom();
      return refusalFor(trusted?.roleOf(principal), asked);
    },
  };
}

function refusalFor(role: StorageRole | undefined, asked: Asked | undefined): Refusal | undefined {
  const isPermitted = role !== undefined && (asked === undefined || mayCall(role, asked));
  return isPermitted ? undefined : withoutPermission;
}
