import type { AuditLine } from "./line.ts";

/** So many kinds of refusals are told apart in a period; what comes from elsewhere then is counted together. */
export const mostRefusals = 100;

/** Where refusals came from that are more than are told apart. */
export const manyAddresses = "various";

/** Refused requests of strangers in one period, so that no stranger can make the audit grow as they like. */
export type Refusals = Map<string, AuditLine>;

/**
 * Counts one. The first of each kind is to be kept at once, with all that is known of it; the others of the period are
 * kept when it is over: {@link takeRefusals}.
 * @returns what is to be kept at once
 */
export function countRefusal(refusals: Refusals, line: AuditLine): AuditLine | undefined {
  const kind = JSON.stringify([line.plane, line.account, line.address, line.errorCode]);
  const known = refusals.get(kind);
  if (known || refusals.size < mostRefusals) {
    refusals.set(kind, { ...line, count: (known?.count ?? -1) + 1 });
    return known ? undefined : line;
  }
  const others = refusals.get(manyAddresses);
  refusals.set(manyAddresses, { ...line, address: manyAddresses, count: (others?.count ?? 0) + 1 });
  return undefined;
}

/** Those that have not been kept yet; a new period begins. */
export function takeRefusals(refusals: Refusals): AuditLine[] {
  const lines = [...refusals.values()].filter(({ count }) => count > 0);
  refusals.clear();
  return lines;
}
