import type { Clock } from "@kyanite/runtime";

const patienceMilliseconds = 1_000;

/**
 * Does with nodes what may take long, such as ending one that does not answer. A round waits a second for it at most,
 * and later rounds find it done: what is slow with one node must not hold up all the others.
 * @returns starts the work for nodes for which it is not under way, and tells for which it still is
 */
export function patiently(
  work: (nodeId: string) => Promise<void>,
  clock: Clock,
): (nodeIds: readonly string[]) => Promise<ReadonlySet<string>> {
  const underWay = new Set<string>();
  return async (nodeIds) => {
    const works = nodeIds
      .filter((nodeId) => !underWay.has(nodeId))
      .map((nodeId) => {
        underWay.add(nodeId);
        return work(nodeId).finally(() => underWay.delete(nodeId));
      });
    if (works.length > 0) await inTime(Promise.all(works), clock);
    return new Set(underWay);
  };
}

/** Waits for work, but for a second at most. */
export async function inTime(work: Promise<unknown>, clock: Clock): Promise<void> {
  const done = new AbortController();
  try {
    await Promise.race([work, clock.sleep(patienceMilliseconds, done.signal)]);
  } finally {
    done.abort("done");
  }
}
