import { type Clock, systemClock } from "@kyanite/runtime";

/** Runs like the system's clock, ahead of it by as much as a test has moved it. */
export interface MovableClock extends Clock {
  advance(seconds: number): void;
}

/** Waits last as long as they say: only what the clock shows is moved. */
export function movableClock(): MovableClock {
  const ahead = { milliseconds: 0 };
  return {
    ...systemClock,
    now: () => new Date(systemClock.now().getTime() + ahead.milliseconds),
    elapsed: () => systemClock.elapsed() + ahead.milliseconds,
    advance: (seconds) => {
      ahead.milliseconds += seconds * 1000;
    },
  };
}
