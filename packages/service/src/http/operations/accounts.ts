import { OSType, VerificationType } from "@kyanite/contract";
import { supportedImages } from "../../domain/catalogue/images.ts";
import { matches } from "../../domain/filter.ts";
import { checkFilter, type Filterable } from "../../domain/filterable.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";

const equality = ["eq", "ne"] as const;

/** What `$filter` may say of images. */
const imageFilters: Readonly<Record<string, Filterable>> = {
  osType: { type: "state", operators: equality, values: OSType.enum },
  verificationType: { type: "state", operators: equality, values: VerificationType.enum },
  nodeAgentSKUId: { type: "text", operators: equality },
};

export const accountHandlers = (_: HandlerContext) =>
  ({
    Account_ListSupportedImages: async ({ list }) => {
      const { filter, limit, after } = list;
      const start = after === undefined ? 0 : Math.max(0, Number.parseInt(after, 10) || 0);
      if (filter) checkFilter(filter, imageFilters);
      const images = filter ? supportedImages.filter((image) => matches(filter, image)) : supportedImages;
      const end = start + limit;
      return { body: { items: images.slice(start, end), ...(end < images.length ? { next: String(end) } : {}) } };
    },
  }) satisfies OperationHandlers;
