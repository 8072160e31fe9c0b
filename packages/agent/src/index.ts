export { type Agent, type AgentMeans, agentVersion, startAgent } from "./agent.ts";
export { type AgentConfig, readConfig } from "./config.ts";
