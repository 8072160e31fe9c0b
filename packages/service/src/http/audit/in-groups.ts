/**
 * Writes one item a call, and what is called for while a write is under way together with the next one: the number of
 * writes depends on how long they take, not on the number of items.
 * @param write rejects for all of a group
 * @returns resolves when its item is written
 */
export function inGroups<Item>(
  write: (items: readonly Item[]) => Promise<void>,
  { most }: { readonly most: number },
): (item: Item) => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  let next: { readonly items: Item[]; readonly written: Promise<void> } | undefined;
  return (item) => {
    if (next && next.items.length < most) {
      next.items.push(item);
      return next.written;
    }
    const items = [item];
    const written = last.then(() => {
      if (next?.items === items) next = undefined;
      return write(items);
    });
    last = written.catch(() => {});
    next = { items, written };
    return written;
  };
}
