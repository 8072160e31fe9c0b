/** A list that is fetched page by page, as it is read: element after element, or a page at a time. */
export interface Pages<T> extends AsyncIterable<T> {
  pages(): AsyncIterable<readonly T[]>;
}

export interface Page<T> {
  readonly value: readonly T[];
  /** Where the next page is; absent on the last. */
  readonly "odata.nextLink"?: string;
}

/** @param fetchPage the first page, or the one that a link leads to */
export function pagesOf<T>(fetchPage: (link?: string) => Promise<Page<T>>): Pages<T> {
  async function* pages() {
    let link: string | undefined;
    do {
      const page = await fetchPage(link);
      yield page.value;
      link = page["odata.nextLink"];
    } while (link !== undefined);
  }
  async function* elements() {
    for await (const page of pages()) yield* page;
  }
  return { pages, [Symbol.asyncIterator]: elements };
}
