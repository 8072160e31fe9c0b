import { type Explanation, Explanation as ExplanationSchema } from "@kyanite/contract";
import { type RawClient, until } from "@kyanite/testkit";
import Value from "typebox/value";

/** Asks for explanations, which have to be of the contract's form. */
export function explainer(call: RawClient) {
  const explain = async (path: string): Promise<Explanation> => {
    const { status, json, text } = await call("GET", `/kyanite/${path}explanation`);
    if (status !== 200) throw new Error(`${status} ${text}`);
    return Value.Parse(ExplanationSchema, json);
  };
  /** Asks until this condition is the first that does not hold. */
  const untilFails = (path: string, code: string) =>
    until(
      () => explain(path),
      (told) => failingOf(told)[0]?.code === code,
    );
  return { explain, untilFails: untilFails };
}

/** The conditions that do not hold. */
export const failingOf = ({ conditions }: Explanation) => conditions.filter(({ holds }) => !holds);
