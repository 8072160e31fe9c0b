import { ManagementError } from "@kyanite/contract";
import type { BodyTypes } from "../request-body.ts";

/** The newest Python client calls an object without members plain text. */
export const managementTypes: BodyTypes = {
  accepted: /^\s*(application\/json|text\/(json|plain))\s*(;|$)/i,
  refusal: () => new ManagementError("InvalidContentType"),
};
