export {
  type BackgroundProcess,
  type StopOptions,
  type StopOutcome,
  startBackgroundProcess,
  stopProcessGroup,
} from "./background-processes.ts";
export { type Clock, systemClock } from "./clock.ts";
export {
  type ControlGroupPlace,
  type ControlGroupPlaces,
  describeControlGroups,
  findControlGroups,
  makeRoomForControlGroups,
} from "./control-groups.ts";
export { Directory, isEntryName } from "./directory.ts";
export { textOfName } from "./entry-names.ts";
export { hasErrorCode, readPart, readTextIfExists, writeFileAtomically } from "./files.ts";
export { closeInheritedDescriptors } from "./inherited-descriptors.ts";
export { limitTo } from "./limit.ts";
export { createLog, type Log, type LogLevel } from "./log.ts";
export { keepLogFileBounded } from "./log-file.ts";
export { exposedToOomKiller, protectFromOomKiller } from "./oom-score.ts";
export { type Outbox, openOutbox } from "./outbox.ts";
export {
  isRunning,
  type ProcessRecord,
  processCommandLine,
  processesWithVariable,
  processRecord,
  readRunningProcess,
  sendSignal,
  signalProcess,
} from "./processes.ts";
export { removeTree } from "./remove-tree.ts";
export {
  choice,
  type IdRange,
  idRange,
  integer,
  type Parsed,
  parseIdRange,
  path,
  readSettings,
  type Setting,
  type SettingSource,
  type SettingValues,
  text,
} from "./settings.ts";
export { listenForShutdown, type Shutdown } from "./shutdown.ts";
export { streamed } from "./streamed.ts";
export { type Restartable, type Supervision, supervise } from "./supervise.ts";
export { aborted, orAborted, type WaitOptions, waitUntil } from "./wait.ts";
export { whole } from "./whole.ts";
export { withoutSlash } from "./without-slash.ts";
