export {
  type BackgroundProcess,
  type StopOptions,
  type StopOutcome,
  startBackgroundProcess,
  stopProcessGroup,
} from "./background-processes.ts";
export { type Clock, systemClock } from "./clock.ts";
export { hasErrorCode, readTextIfExists, writeFileAtomically } from "./files.ts";
export { createLog, type Log, type LogLevel } from "./log.ts";
export { type Outbox, openOutbox } from "./outbox.ts";
export {
  isRunning,
  type ProcessRecord,
  processCommandLine,
  processesWithVariable,
  processRecord,
  readRunningProcess,
  signalProcess,
} from "./processes.ts";
export {
  choice,
  integer,
  type Parsed,
  path,
  readSettings,
  type Setting,
  type SettingSource,
  type SettingValues,
  text,
} from "./settings.ts";
export { listenForShutdown, type Shutdown } from "./shutdown.ts";
export { type WaitOptions, waitUntil } from "./wait.ts";
