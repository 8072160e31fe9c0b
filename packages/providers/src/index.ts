export { type LocalProcessOptions, localProcess } from "./local-process.ts";
export type { CreateOutcome, NodeRequest, ProvidedNode, Provider } from "./provider.ts";
