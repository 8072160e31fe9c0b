import { BatchError, type SeriesMetrics } from "@kyanite/contract";

/**
 * The metrics that a request names, by name or by what comes before the dot; all without it.
 * @throws BatchError InvalidQueryParameterValue
 */
export function chosenMetrics(text: string | undefined, known: SeriesMetrics): string[] {
  const names = Object.keys(known);
  const words = (text ?? "").split(",").map((word) => word.trim().toLowerCase());
  const unknown = words.find((word) => word !== "" && !names.some((name) => isMeant(name, word)));
  if (unknown !== undefined)
    throw new BatchError("InvalidQueryParameterValue", {
      QueryParameterName: "metric",
      QueryParameterValue: unknown.slice(0, 256),
      Reason: `Expected names of metrics or groups of them, separated by commas: ${names.join(", ")}`,
    });
  const isAll = words.every((word) => word === "");
  return names.filter((name) => isAll || words.some((word) => isMeant(name, word)));
}

const isMeant = (name: string, word: string) =>
  name.toLowerCase() === word || name.toLowerCase().startsWith(`${word}.`);
