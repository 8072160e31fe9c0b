import { Merge } from "./merge.ts";

/** What several generators yield, as it comes. Ends when all have. */
export async function* merged<T>(sources: readonly AsyncGenerator<T, void>[]): AsyncGenerator<T, void> {
  using merge = new Merge<T>();
  for (const source of sources) merge.add(source);
  while (merge.size > 0) {
    const value = await merge.next();
    if (value !== undefined) yield value;
  }
}
