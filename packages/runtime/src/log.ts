import { createRequire } from "node:module";
import type { Logger } from "pino";
import { openLogFile } from "./log-file.ts";

const require = createRequire(import.meta.url);

/** One line per event: a constant message, and the facts as fields. Secrets are never fields. */
export interface Log {
  debug(message: string, facts?: object): void;
  info(message: string, facts?: object): void;
  warn(message: string, facts?: object): void;
  error(message: string, facts?: object): void;
}

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** Writes JSON lines to a file descriptor (standard error unless told otherwise) or a file, which is put aside when it is large. */
export function createLog(level: LogLevel, to: number | string = 2): Log {
  // Loaded only by who logs: it takes a third of the time in which the command line has to answer.
  const { destination, pino, stdTimeFunctions }: typeof import("pino") = require("pino");
  return fromPino(
    pino(
      { level, base: null, timestamp: stdTimeFunctions.isoTime, serializers: { cause: pino.stdSerializers.err } },
      typeof to === "string" ? openLogFile(to) : destination({ dest: to, sync: true }),
    ),
  );
}

function fromPino(logger: Logger): Log {
  const at =
    (level: "debug" | "info" | "warn" | "error") =>
    (message: string, facts: object = {}) =>
      logger[level](facts, message);
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
