import { readFileSync, writeFileSync } from "node:fs";

/** The higher, the sooner the machine ends a process when its memory runs out: from -1000, never, to 1000. */
const scoreFile = "/proc/self/oom_score_adj";
const ofServers = -500;
const ofTasks = 500;

/** Has the machine end others first when its memory runs out, as far as it lets us: that takes the right `CAP_SYS_RESOURCE`. */
export function protectFromOomKiller(): void {
  setScore(ofServers);
}

/** Starts something that is to end before us when the machine's memory runs out: it has the score that we have then. */
export function exposedToOomKiller<Result>(start: () => Result): Result {
  const own = readScore();
  if (own === undefined || !setScore(ofTasks)) return start();
  try {
    return start();
  } finally {
    setScore(own);
  }
}

function readScore(): number | undefined {
  try {
    return Number(readFileSync(scoreFile, "utf8"));
  } catch {
    return undefined;
  }
}

function setScore(score: number): boolean {
  try {
    writeFileSync(scoreFile, String(score));
    return true;
  } catch {
    return false;
  }
}
