/** What an account has of a store in which all accounts have a place. */
export interface AccountSize {
  readonly accountPk: number;
  readonly bytes: number;
}

/**
 * How much which account has to give up so that all together have no more than `mostBytes`: whoever has most, down to
 * what the next one has, so that nobody loses anything for the sake of one that has more.
 */
export function excessesOf(sizes: readonly AccountSize[], mostBytes: number): readonly AccountSize[] {
  const share = fairShare(
    sizes.map(({ bytes }) => bytes),
    mostBytes,
  );
  return sizes
    .filter(({ bytes }) => bytes > share)
    .map(({ accountPk, bytes }) => ({ accountPk, bytes: bytes - share }));
}

/** What everybody may have at most so that the total is no more than `most`. */
function fairShare(amounts: readonly number[], most: number): number {
  let left = most;
  const ascending = amounts.toSorted((one, other) => one - other);
  for (const [index, amount] of ascending.entries()) {
    const share = Math.floor(left / (ascending.length - index));
    if (amount > share) return share;
    left -= amount;
  }
  return Number.POSITIVE_INFINITY;
}
