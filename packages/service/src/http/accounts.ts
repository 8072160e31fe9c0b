import { matches } from "../domain/filter.ts";
import { supportedImages } from "../domain/images.ts";
import type { HandlerContext, OperationHandlers } from "./context.ts";

export const accountHandlers = (_: HandlerContext) =>
  ({
    Account_ListSupportedImages: async ({ list }) => {
      const { filter, limit, after } = list;
      const start = after === undefined ? 0 : Number(after);
      const images = filter ? supportedImages.filter((image) => matches(filter, image)) : supportedImages;
      const end = start + limit;
      return { body: { items: images.slice(start, end), ...(end < images.length ? { next: String(end) } : {}) } };
    },
  }) satisfies OperationHandlers;
