export interface Turns {
  /** Runs `work` after all that was given before for the same `key`; works of different keys do not wait. */
  take<Result>(key: string, work: () => Promise<Result>): Promise<Result>;
  /** Waits until nothing is under way. */
  settle(): Promise<void>;
}

export function takeTurns(): Turns {
  const last = new Map<string, Promise<unknown>>();
  return {
    take: async (key, work) => {
      const turn = (last.get(key) ?? Promise.resolve()).then(work, work);
      last.set(key, turn);
      try {
        return await turn;
      } finally {
        if (last.get(key) === turn) last.delete(key);
      }
    },
    settle: async () => {
      while (last.size > 0) await Promise.allSettled(last.values());
    },
  };
}
