import { after } from "../time.ts";
import { beginOf, fiveMinutes, hour } from "./steps.ts";

/** What a server has heard of nodes by then has been written. */
const lagSeconds = 60;

/**
 * From where to where samples are to be put together in steps that are over by now, if there are any. It goes on where it
 * ended, and never goes further back than samples are kept. Much at once is done in hours, one after the other.
 */
export function nextFold(
  until: Date | null,
  { now, keptSeconds }: { readonly now: Date; readonly keptSeconds: number },
): { readonly from: Date; readonly until: Date } | undefined {
  const over = beginOf(after(now, -lagSeconds), fiveMinutes);
  const oldest = beginOf(after(now, -keptSeconds), hour);
  const from = until === null || until < oldest ? oldest : until;
  const next = new Date(Math.min(over.getTime(), after(beginOf(from, hour), hour).getTime()));
  return next > from ? { from, until: next } : undefined;
}
