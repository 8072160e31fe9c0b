export { type LocalHostsOptions, localHosts } from "./local-hosts.ts";
export { checkNodeUsers, type NodeUsers, nodeUsers } from "./node-users.ts";
export type { CreateOutcome, NodeRequest, ProvidedNode, Provider } from "./provider.ts";
