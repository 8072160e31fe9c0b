/** Does something for every item, a few at a time. After the first failure no new item is begun, and it rejects. */
export async function forEachAtOnce<Item>(
  items: AsyncIterable<Item>,
  count: number,
  act: (item: Item) => Promise<void>,
): Promise<void> {
  const underway = new Set<Promise<void>>();
  const failures: unknown[] = [];
  for await (const item of items) {
    const work = act(item)
      .catch((error: unknown) => void failures.push(error))
      .finally(() => underway.delete(work));
    underway.add(work);
    if (underway.size >= count) await Promise.race(underway);
    if (failures.length > 0) break;
  }
  await Promise.all(underway);
  if (failures.length > 0) throw failures[0];
}
