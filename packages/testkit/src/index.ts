export { anAutoPool, aPool } from "./bodies.ts";
export {
  batchClient,
  firstGroup,
  managementClient,
  managementToken,
  steadyPool,
  storageContainer,
  type TestContainer,
} from "./clients.ts";
export { type MovableClock, movableClock } from "./movable-clock.ts";
export { type RawAnswer, type RawClient, type RawRequest, rawClient } from "./raw-client.ts";
export { type Answer, send } from "./requests.ts";
export { type RunningService, type RunningServiceOptions, runningService } from "./running-service.ts";
export { freePorts, refusedStart, type ServerProcess, startServerProcess } from "./server-process.ts";
export { type TemporaryDatabase, temporaryDatabase } from "./temporary-database.ts";
export { until } from "./until.ts";
export { type ZipEntry, zip } from "./zip.ts";
