import type { AgentReport } from "@kyanite/contract";
import { accountFailure } from "./accounts.ts";
import { StepFailure } from "./failure.ts";
import { placeMounts } from "./mounts.ts";
import type { NodeAction } from "./node.ts";
import type { NodeParts } from "./node-parts.ts";
import { emptyRoot } from "./node-root.ts";

/** Gives a node its accounts and mounts, and tells whether it has them now. */
export async function setUpNode(
  { root, walls, users, containers, clock, log, openToAccounts, keepBoot }: NodeParts,
  { setupId, accounts, mounts, images }: Extract<NodeAction, { type: "setUp" }>,
  signal: AbortSignal,
): Promise<AgentReport> {
  try {
    const shares = [...new Set(mounts.flatMap(({ directory }) => directory ?? []))];
    await walls.share(shares);
    containers.share(shares);
    await openToAccounts(accounts.length > 0);
    await users.accounts.set(accounts);
    await placeMounts(root, mounts, clock);
    await keepBoot({ accounts: accounts.map(({ name }) => name), shares });
    if (images) await containers.fetch(images, signal);
    return { type: "setUp", setupId };
  } catch (cause) {
    const isExpected = cause instanceof StepFailure;
    const failure = isExpected ? cause.failure : accountFailure(cause);
    if (isExpected) log.warn("node not set up", { failure });
    else log.error("node not set up", { cause });
    return { type: "setUp", setupId, failure };
  }
}

/** Makes a node begin anew; with `erase` without anything that it has kept. */
export async function restartNode(
  { root, walls, users, containers, clock, log, begin, keepBoot }: NodeParts,
  { restartId, erase }: Extract<NodeAction, { type: "restart" }>,
): Promise<void> {
  log.info("restart", { erase });
  await walls.end({ erase });
  if (erase) {
    await containers.clear();
    await emptyRoot(root);
    await users.accounts.removeAll();
  }
  await begin();
  await keepBoot({ bootTime: clock.now().toISOString(), restartId, accounts: [] });
}
