import type { ExplainedFailure, Explanation } from "@kyanite/contract";
import { waitsForStartTask } from "../../domain/node/boot.ts";
import { connectedStates, type Node } from "../../domain/node/node.ts";
import type { Pool } from "../../domain/pool/pool.ts";
import { call, explanationOf, type Finding } from "./finding.ts";
import { comes, remediesFor, standingText } from "./node-standing.ts";
import { type CreationFacts, groupOf } from "./pool-facts.ts";
import { count, period, phrase, secondsBetween } from "./words.ts";

export interface NodeFacts {
  readonly node: Node;
  readonly pool: Pick<Pool, "id">;
  /** How long such nodes usually take to come. */
  readonly usualSeconds: CreationFacts["usualSeconds"];
  /** Of its start task, or for want of that the first of its errors. */
  readonly failure: ExplainedFailure | undefined;
}

/** Why a node takes no tasks, or no more of them. */
export function explainNode(facts: NodeFacts, now: Date): Explanation {
  const { node, failure } = facts;
  const findings = [
    nodeThere(facts, now),
    nodeUsable(facts),
    startTaskDone(facts, now),
    nodeOpen(facts),
    nodeHasRoom(node),
  ];
  const subject = { kind: "node", id: node.id, state: node.state, now } as const;
  return explanationOf(subject, findings, { otherwise: `The node takes tasks: ${roomText(node)}`, failure });
}

/** Whether its agent has come and is heard of. */
function nodeThere(facts: NodeFacts, now: Date): Finding {
  const { node, pool } = facts;
  const code = "nodeConnected";
  if (node.state === "creating") return beingMade(facts, now);
  if (connectedStates.includes(node.state) || node.state === "unusable")
    return { code, holds: true, since: node.lastSeen, text: "The agent of the node is heard of" };
  const group = groupOf(node);
  const heard = node.lastSeen ? `; it was last heard of ${period(secondsBetween(node.lastSeen, now))} ago` : "";
  return {
    code,
    holds: false,
    since: node.stateTransitionTime,
    text: `The node ${standingText(group).slice(2)}${heard}`,
    passes: comes(group),
    remedies: remediesFor(pool.id, group),
  };
}

function beingMade({ node, usualSeconds }: NodeFacts, now: Date): Finding {
  const asked = secondsBetween(node.allocationTime, now);
  const reason = node.pendingReason ?? node.startFailure;
  const told = reason === null ? "" : `; its provider says: ${phrase(reason)}`;
  const left = (usualSeconds ?? 0) - asked;
  const expected = reason === null && left > 0 ? `; it is expected in ${period(left)}` : "";
  return {
    code: "nodeConnected",
    holds: false,
    since: node.allocationTime,
    text: `The node was asked for ${period(asked)} ago and is not there yet${expected}${told}`,
    passes: true,
    facts: { startFailures: node.startFailures, ...(reason === null ? {} : { reason }) },
  };
}

/** Whether nothing is wrong with the machine, as its agent sees it. */
function nodeUsable({ node, pool }: NodeFacts): Finding {
  const code = "nodeUsable";
  const [error] = node.errors ?? [];
  if (!error && node.state !== "unusable") return { code, holds: true, text: "The node reports no errors" };
  const message = error?.details?.find(({ name }) => name === "Message")?.value ?? error?.message ?? "";
  return {
    code,
    holds: false,
    since: node.stateTransitionTime,
    text: error ? `The node reports ${error.code}: ${phrase(message)}` : "The node is unusable",
    facts: { errors: (node.errors ?? []).map((each) => each.code) },
    remedies: [call("Reboot the node", "ComputeNode_Reboot", { poolId: pool.id, nodeId: node.id })],
  };
}

/** Whether its start task has ended as it should, if it waits for that. */
function startTaskDone({ node, pool }: NodeFacts, now: Date): Finding {
  const code = "startTaskDone";
  const info = node.startTaskInfo;
  if (!node.startTask) return { code, holds: true, text: "The node has no start task" };
  if (!info) return { code, holds: true, text: "The start task has not begun yet" };
  const since = new Date(info.lastRetryTime ?? info.startTime);
  const tries = info.retryCount > 0 ? `, after ${count(info.retryCount, "retry", "retries")}` : "";
  const facts = { retryCount: info.retryCount, ...(info.exitCode === undefined ? {} : { exitCode: info.exitCode }) };
  const again = call("Run the start task again", "ComputeNode_RerunStartTask", { poolId: pool.id, nodeId: node.id });
  if (info.state === "running") {
    const isOver = !waitsForStartTask(node);
    const text = `The start task has run for ${period(secondsBetween(since, now))}${tries}`;
    return { code, holds: isOver, since, text, passes: true, facts };
  }
  if (info.result !== "failure") return { code, holds: true, since, text: "The start task has succeeded", facts };
  const message = info.failureInfo?.details?.find(({ name }) => name === "Message")?.value ?? info.failureInfo?.message;
  const text = `The start task has failed${tries}: ${phrase(message ?? "no message")}`;
  return { code, holds: !waitsForStartTask(node), since, text, facts, remedies: [again] };
}

/** Whether its scheduling is enabled and nothing is about to be done with it. */
function nodeOpen({ node, pool }: NodeFacts): Finding {
  const code = "nodeOpen";
  if (node.schedulingState === "disabled")
    return {
      code,
      holds: false,
      text: "The scheduling of the node is disabled",
      remedies: [call("Open the node to tasks", "ComputeNode_EnableScheduling", { poolId: pool.id, nodeId: node.id })],
    };
  if (node.pendingAction === null) return { code, holds: true, text: "The scheduling of the node is enabled" };
  const text = `The node takes no more tasks: ${node.pendingAction} comes when the ${count(node.runningTasks, "task")} there ${node.runningTasks === 1 ? "has" : "have"} ended`;
  return { code, holds: false, text, passes: true, facts: { pendingAction: node.pendingAction } };
}

function nodeHasRoom(node: Node): Finding {
  const free = Math.max(0, node.slots - node.usedSlots);
  const facts = { slots: node.slots, freeSlots: free, runningTasks: node.runningTasks };
  if (free > 0) return { code: "nodeHasRoom", holds: true, text: roomText(node), facts };
  return { code: "nodeHasRoom", holds: false, text: `Every slot is taken: ${roomText(node)}`, passes: true, facts };
}

const roomText = ({ slots, usedSlots, runningTasks }: Node) =>
  `${count(runningTasks, "task")} on ${Math.min(usedSlots, slots)} of ${count(slots, "slot")}`;
