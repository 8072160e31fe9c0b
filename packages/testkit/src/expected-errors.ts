import { inspect } from "node:util";
import type { Log } from "@kyanite/runtime";

/** What services under test have logged as errors, and which of it a test expects. */
export interface ErrorLog {
  readonly log: Log;
  /** @throws when an error was logged that no pattern matches */
  check(): void;
}

/** Collects what is logged as an error, each as its message and its facts, whose parts patterns may name. */
export function collectErrors(log: Log, expected: readonly RegExp[]): ErrorLog {
  const errors: string[] = [];
  const error: Log["error"] = (message, facts = {}) => {
    errors.push(`${message} ${inspect(facts, { depth: 4 })}`);
    log.error(message, facts);
  };
  return { log: { ...log, error }, check: () => refuseUnexpected(errors, expected) };
}

/** The lines that a process of ours has logged as errors. */
export function loggedErrors(output: string): string[] {
  return output.split("\n").filter((line) => /^\{"level":(50|60),/.test(line));
}

/** @throws when one of these errors matches no pattern */
export function refuseUnexpected(errors: readonly string[], expected: readonly RegExp[]): void {
  const unexpected = errors.filter((line) => !expected.some((pattern) => pattern.test(line)));
  if (unexpected.length === 0) return;
  throw new Error(`the service logged ${unexpected.length} unexpected errors:\n${unexpected.slice(0, 5).join("\n")}`);
}
