import { type ApiVersion, type Operation, type OperationName, operations } from "@kyanite/contract";
import { aPool, type RawAnswer, type RawClient, until } from "@kyanite/testkit";
import type { Case } from "./cases.ts";

export const operationsByName: Readonly<Record<OperationName, Operation>> = operations;

/** Sends the requests of cases, each when what it needs has been reached. */
export interface CaseDriver {
  /** Makes the pool of two idle nodes that the cases of a suffix name; resolves with the ids of the nodes. */
  addNodes(suffix: string): Promise<string[]>;
  send(each: Case, version: ApiVersion): Promise<RawAnswer>;
}

type Wait = (params: NonNullable<Case["params"]>) => Promise<unknown>;

export function caseDriver(call: RawClient): CaseDriver {
  const memberOf = async (path: string, name: string) => Object((await call("GET", path)).json)[name];
  const reaches = (
    pathOf: (params: Readonly<Record<string, string>>) => string,
    name: string,
    wanted: string,
  ): Wait => {
    return (params) =>
      until(
        () => memberOf(pathOf(params), name),
        (state) => state === wanted,
        60,
      );
  };
  const node = ({ poolId, nodeId }: Readonly<Record<string, string>>) => `/pools/${poolId}/nodes/${nodeId}`;
  const waits: Readonly<Record<NonNullable<Case["after"]>, Wait>> = {
    "node idle": reaches(node, "state", "idle"),
    "node deallocated": reaches(node, "state", "deallocated"),
    "pool steady": reaches(({ poolId }) => `/pools/${poolId}`, "allocationState", "steady"),
    "pool resizing": async ({ poolId }) => {
      const { status } = await call("POST", `/pools/${poolId}/resize`, { body: { targetDedicatedNodes: 4 } });
      if (status !== 202) throw new Error(`the pool ${poolId} was not resized: ${status}`);
    },
    "tasks completed": ({ jobId }) =>
      until(
        () => memberOf(`/jobs/${jobId}/taskcounts`, "taskCounts"),
        (counts) => counts.completed === 3,
        60,
      ),
  };
  /** A file is on the node on which its task ran. */
  const nodeOfTask = async ({ filePath, poolId }: Readonly<Record<string, string>>): Promise<{ nodeId?: string }> => {
    const [, jobId] = filePath?.split("/") ?? [];
    if (poolId === undefined || jobId === undefined) return {};
    return { nodeId: Object(await memberOf(`/jobs/${jobId}/tasks/ok`, "nodeInfo")).nodeId };
  };
  return {
    async addNodes(suffix) {
      const id = `nodes-${suffix}`;
      await call("POST", "/pools", { body: aPool(id, { targetDedicatedNodes: 2 }) });
      const nodes = await until(
        async (): Promise<{ id: string; state: string }[]> =>
          Object((await call("GET", `/pools/${id}/nodes`)).json).value,
        (all) => all.length === 2 && all.every(({ state }) => state === "idle"),
        60,
      );
      return nodes.map((each) => each.id);
    },
    async send(each, version) {
      const { operation, params = {}, after } = each;
      if (after) await waits[after](params);
      const place = operation.startsWith("File_") ? { ...params, ...(await nodeOfTask(params)) } : params;
      return sendAsIs(call, { ...each, params: place }, version);
    },
  };
}

/** Sends the request of a case at once. */
export function sendAsIs(
  call: RawClient,
  { operation, params = {}, body, query }: Case,
  version: ApiVersion,
  prefix = "",
): Promise<RawAnswer> {
  const { method, path } = operationsByName[operation];
  const target = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
  const shown = version >= "2025" && body ? { ...body, certificateReferences: undefined } : body;
  return call(method, prefix + target, { version, ...(shown ? { body: shown } : {}), ...(query ? { query } : {}) });
}
