export { agentOfNode } from "./agents.ts";
export { anAutoPool, aPool } from "./bodies.ts";
export {
  batchClient,
  batchToken,
  firstGroup,
  managementClient,
  managementToken,
  steadyPool,
  storageContainer,
  type TestContainer,
} from "./clients.ts";
export { type ManagementRequests, managementRequests } from "./management-requests.ts";
export { type MovableClock, movableClock } from "./movable-clock.ts";
export { type Queue, queueingProvider } from "./queueing-provider.ts";
export { type RawAnswer, type RawClient, type RawRequest, rawClient } from "./raw-client.ts";
export { type Answer, send } from "./requests.ts";
export { metricsToken, type RunningService, type RunningServiceOptions, runningService } from "./running-service.ts";
export { freePorts, refusedStart, type ServerProcess, startServerProcess } from "./server-process.ts";
export { type TemporaryDatabase, temporaryDatabase } from "./temporary-database.ts";
export { until } from "./until.ts";
export { type Receiver, status, webhookReceiver } from "./webhook-receiver.ts";
export { type ZipEntry, zip } from "./zip.ts";
