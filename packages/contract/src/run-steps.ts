/** What a run does, one after the other. Without the schema library: agents load it. */
export const runSteps = ["directories", "packages", "downloads", "command", "upload"] as const;
export type RunStepName = (typeof runSteps)[number];

/** As many as a report may tell of. */
export const mostRunSteps = 16;

const noteworthyMilliseconds = { whole: 1_000, transfer: 50 } as const;

/**
 * Whether there is more to tell of a run than that it was short: all of it took a while, or fetching or sending
 * something did. A step that has nothing to move takes long only on a machine with too much to do, which is not to get
 * more of it.
 */
export function areNoteworthy(
  steps: readonly { readonly milliseconds: number; readonly bytes?: number | undefined }[],
): boolean {
  const whole = steps.reduce((total, { milliseconds }) => total + milliseconds, 0);
  if (whole >= noteworthyMilliseconds.whole) return true;
  return steps.some(({ milliseconds, bytes = 0 }) => bytes > 0 && milliseconds >= noteworthyMilliseconds.transfer);
}
