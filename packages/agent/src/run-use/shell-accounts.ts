import { readFileSync } from "node:fs";
import type { RunUse } from "@kyanite/contract";
import { childTimes, processIo } from "./accounts.ts";

/** What a waiting shell has written of its command behind the exit code, in its last moment. */
export function useByShell(exitFile: string): RunUse {
  const text = textOf(exitFile);
  const [cpu, io] = [childTimes(text), processIo(text)];
  return { ...(cpu && { cpu: { source: "processes", ...cpu } }), ...(io && { io: { source: "processes", ...io } }) };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}
