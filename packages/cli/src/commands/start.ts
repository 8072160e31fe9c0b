import { readConfig } from "@kyanite/service/config";
import { restoreAfterCrash } from "./redirect.ts";

/** Runs the server until it is told to stop. */
export async function start(argv: readonly string[]): Promise<void> {
  // First, so that a wrong flag is told at once: loading the server takes a while.
  const config = await readConfig(argv);
  await restoreAfterCrash();
  const { runService } = await import("@kyanite/service");
  await runService(config);
}
