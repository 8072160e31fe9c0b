import { ManagementError } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";
import type { Bearer } from "../../domain/account/caller.ts";
import type { HttpAnswer } from "../answers.ts";
import type { Audit } from "../audit/audit.ts";
import { accountOr, type Notes, noting } from "../audit/noting.ts";
import type { FailureOptions } from "../failures.ts";
import type { Extension, HttpRequest } from "../serve.ts";
import { parameter, readSearch, splitTarget } from "../target.ts";
import { type AuthenticateOptions, authenticateManagement } from "./authenticate.ts";
import { managementErrorAnswer } from "./errors.ts";

export interface PartOptions extends AuthenticateOptions, FailureOptions {
  readonly audit: Audit;
  /** The account to whose audit belongs what names no account. */
  readonly defaultAccountName: string;
  readonly clock: Clock;
}

/** A request for a part of the plane, whose sender is known. */
export interface PartRequest<Found> extends Bearer {
  readonly request: HttpRequest;
  readonly path: string;
  readonly found: Found;
  /** For the audit. */
  readonly notes: Notes;
  readonly now: Date;
}

/**
 * A part of the management plane: knows who asks, and answers what goes wrong in the form of the plane.
 * @param find what is asked of this part, by path and query; undefined when it is none of its own. What it throws is
 *   answered before it is known who asks
 */
export function managementPart<Found>(
  find: (path: string, query: string) => Found | undefined,
  answer: (asked: PartRequest<Found>) => Promise<HttpAnswer>,
  options: PartOptions,
): Extension {
  return async (request) => {
    const { path, query } = splitTarget(request.target);
    const notes = noting("management", accountOr(accountNamed(path), options.defaultAccountName), path);
    const guarded = async (work: () => Promise<HttpAnswer | undefined>) => {
      try {
        return await work();
      } catch (cause) {
        return managementErrorAnswer(cause, request, options);
      }
    };
    const told = await guarded(async () => {
      const found = find(path, query);
      if (found === undefined) return undefined;
      // What is asked for is found only for those who are known.
      notes.learn({ operation: { name: "none", isKept: false } });
      const now = options.clock.now();
      const bearer = await authenticateManagement(request, now, options);
      notes.learn({ by: { credential: { kind: "principal", principal: bearer.principal } } });
      return answer({ request, path, found, ...bearer, notes, now });
    });
    return guarded(async () => {
      if (told) await options.audit.record(request, notes, told);
      return told;
    });
  };
}

const accountNamed = (path: string) => /\/batchAccounts\/([^/]+)/i.exec(path)?.[1]?.toLowerCase();

/** @throws ManagementError MissingApiVersionParameter: whichever it is, there must be one */
export function requireVersion({ target }: HttpRequest): void {
  if (parameter(readSearch(splitTarget(target).query), "api-version") === undefined)
    throw new ManagementError("MissingApiVersionParameter");
}
