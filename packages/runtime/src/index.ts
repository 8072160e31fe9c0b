export { type Clock, systemClock } from "./clock.ts";
export { createLog, type Log, type LogLevel } from "./log.ts";
