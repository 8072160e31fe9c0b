/** What a user would take instead on one machine. */
export interface Peer {
  /** How the program is called, as its users know it. */
  readonly name: string;
  /** How often it runs the command, when that is not as often as the others: some are slow. */
  readonly count?: number;
  /** Resolves when the command has run `count` times. */
  run(work: Work): Promise<void>;
}

export interface Work {
  readonly commandLine: string;
  readonly count: number;
  readonly atATime: number;
  /** For standard output and error of each. */
  readonly directory: string;
  readonly signal: AbortSignal;
}
