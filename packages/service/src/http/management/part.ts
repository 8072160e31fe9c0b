import { ManagementError } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";
import type { Grant } from "../../domain/account/caller.ts";
import type { HttpAnswer } from "../answers.ts";
import type { FailureOptions } from "../failures.ts";
import type { Extension, HttpRequest } from "../serve.ts";
import { parameter, readSearch, splitTarget } from "../target.ts";
import { type AuthenticateOptions, authenticateManagement } from "./authenticate.ts";
import { managementErrorAnswer } from "./errors.ts";

export interface PartOptions extends AuthenticateOptions, FailureOptions {
  readonly clock: Clock;
}

/** A request for a part of the plane, whose sender is known. */
export interface PartRequest<Found> {
  readonly request: HttpRequest;
  readonly path: string;
  readonly found: Found;
  readonly grants: readonly Grant[];
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
    try {
      const found = find(path, query);
      if (found === undefined) return undefined;
      const now = options.clock.now();
      const grants = await authenticateManagement(request, now, options);
      return await answer({ request, path, found, grants, now });
    } catch (cause) {
      return managementErrorAnswer(cause, request, options);
    }
  };
}

/** @throws ManagementError MissingApiVersionParameter: whichever it is, there must be one */
export function requireVersion({ target }: HttpRequest): void {
  if (parameter(readSearch(splitTarget(target).query), "api-version") === undefined)
    throw new ManagementError("MissingApiVersionParameter");
}
