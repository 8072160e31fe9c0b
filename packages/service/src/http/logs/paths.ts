import { BatchError } from "@kyanite/contract";

/**
 * A path below a directory whose files a client may see, without what means nothing.
 * @throws BatchError for a path that would leave the directory; the agent checks again, links included
 */
export function belowRoot(path: string): string {
  const segments = path.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.includes("..")) throw new BatchError("InvalidUri", { Reason: "A file path may not contain '..'" });
  return segments.join("/");
}
