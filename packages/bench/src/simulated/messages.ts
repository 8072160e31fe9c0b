import type { DatabaseAddress } from "@kyanite/service";
/** What the processes of a simulation tell each other. */
export interface SimulatedNode {
  readonly nodeId: string;
  readonly token: string;
}

export type HostMessage =
  | { readonly type: "ready"; readonly url: string; readonly databasePid: number; readonly database: DatabaseAddress }
  | { readonly type: "nodes"; readonly nodes: readonly SimulatedNode[] };

export interface AgentsMessage {
  readonly url: string;
  readonly nodes: readonly SimulatedNode[];
}
