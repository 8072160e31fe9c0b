import type { ExplainedFailure, Explanation } from "@kyanite/contract";
import { connectedStates, type Node } from "../../domain/node/node.ts";
import { type NodeIds, readExistingNode } from "../../lifecycle/existing.ts";
import { explainNode } from "../../scheduler/explain/node.ts";
import { whatHelps } from "../../scheduler/explain/what-helps.ts";
import { readPoolFacts } from "../../store/explanations.ts";
import type { Asked } from "./asked.ts";
import { type Logs, logsOfStartTask } from "./logs.ts";

/** @throws BatchError PoolNotFound, NodeNotFound */
export async function nodeExplanation(asked: Asked<NodeIds>): Promise<Explanation> {
  const { account, ids, sql, now } = asked;
  const { pool, node } = await readExistingNode(sql, account, ids);
  const { creation } = await readPoolFacts(sql, pool);
  const { usualSeconds } = creation;
  return explainNode({ node, pool, usualSeconds, failure: await failureOfNode(asked, node) }, now);
}

async function failureOfNode(asked: Asked<NodeIds>, node: Node): Promise<ExplainedFailure | undefined> {
  const { failureInfo, exitCode = null, retryCount = 0 } = node.startTaskInfo ?? {};
  if (failureInfo)
    return {
      ...failureInfo,
      ...(exitCode === null ? {} : { exitCode }),
      retryCount,
      ...(await startTaskLogs(asked, node)),
      advice: whatHelps(failureInfo, exitCode),
    };
  const [error] = node.errors ?? [];
  return error && { ...error, advice: whatHelps(error, null) };
}

async function startTaskLogs({ nodeFiles, signal }: Asked<NodeIds>, node: Node): Promise<Logs> {
  if (!connectedStates.includes(node.state)) return { logsUnavailable: `The compute node is ${node.state}` };
  return logsOfStartTask(nodeFiles, node.pk, signal);
}
