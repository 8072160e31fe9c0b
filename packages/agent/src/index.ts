export { agentVersion } from "./compute-node.ts";
export { type HostConfig, readConfig } from "./config.ts";
export { describeRuntime } from "./containers/runtime.ts";
export { type Host, type HostMeans, startHost } from "./host.ts";
export { wallsObstacle } from "./walls/probe.ts";
