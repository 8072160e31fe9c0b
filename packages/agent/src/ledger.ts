import { closeSync, openSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { readTextIfExists } from "@kyanite/runtime";

/**
 * A file of JSON lines, of which the later ones replace the earlier: a change costs one small write. Not synced, and
 * written without waiting: it shall survive its process, not the machine, and the calls are cheaper than their way
 * through Node's thread pool.
 */
export interface Ledger {
  append(entry: unknown): void;
  close(): void;
}

export interface LedgerOptions {
  readonly file: string;
  /** Everything that still counts: what the file is shortened to, now and when it has grown. */
  readonly current: () => readonly unknown[];
}

const fewLines = 5_000;

export function openLedger({ file, current }: LedgerOptions): Ledger {
  let lines = 0;
  const rewrite = () => {
    const entries = current();
    writeFileSync(`${file}.new`, entries.map(lineOf).join(""), { mode: 0o600 });
    renameSync(`${file}.new`, file);
    lines = entries.length;
    return openSync(file, "a", 0o600);
  };
  let descriptor = rewrite();
  let longest = Math.max(fewLines, 2 * lines);
  return {
    append(entry) {
      writeSync(descriptor, lineOf(entry));
      lines += 1;
      if (lines < longest) return;
      closeSync(descriptor);
      descriptor = rewrite();
      longest = Math.max(fewLines, 2 * lines);
    },
    close: () => closeSync(descriptor),
  };
}

const lineOf = (entry: unknown) => `${JSON.stringify(entry)}\n`;

/** The entries of a ledger, oldest first. A line that was cut off by a crash is passed over. */
export async function readLedger(file: string): Promise<readonly unknown[]> {
  return parseLedger((await readTextIfExists(file)) ?? "");
}

export function parseLedger(text: string): readonly unknown[] {
  return text.split("\n").flatMap((line) => {
    try {
      return [JSON.parse(line)];
    } catch {
      return [];
    }
  });
}
