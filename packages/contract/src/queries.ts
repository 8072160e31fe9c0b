import Type from "typebox";
import { since } from "./schema.ts";

/** Query parameters that many operations share. */

const Filter = Type.String({ description: "OData expression that the elements of the list must satisfy." });
const Select = Type.String({ description: "Names of the properties to return, separated by commas." });
const Expand = Type.String({ pattern: "^stats$", description: "Related data to include: `stats`." });
const MaxResults = Type.Integer({
  minimum: 1,
  maximum: 1000,
  default: 1000,
  description: "Most elements on one page.",
});

export const paged = { maxresults: MaxResults };
export const filtered = { $filter: Filter, ...paged };
export const selected = { $select: Select };
export const expanded = { $select: Select, $expand: Expand };
export const listed = { $filter: Filter, $select: Select, ...paged };
export const listedWithStats = { ...listed, $expand: Expand };

export const forced = {
  force: since(
    "2024-07-01.20.0",
    Type.Boolean({ default: false, description: "Whether to go on where the node side cannot finish its part." }),
  ),
};

export const recursive = {
  recursive: Type.Boolean({ default: false, description: "Whether everything below a directory is meant." }),
};
