/** What is kept of a file of some size: all of it, or its beginning and its end. */
export interface Excerpt {
  readonly headBytes: number;
  readonly tailBytes: number;
  readonly missingBytes: number;
}

/** The beginning says how a program was started, the end how it ended: of a large file both are kept. */
export function excerptOf(sizeBytes: number, mostBytes: number): Excerpt {
  if (sizeBytes <= mostBytes) return { headBytes: sizeBytes, tailBytes: 0, missingBytes: 0 };
  const headBytes = Math.floor(mostBytes / 2);
  return { headBytes, tailBytes: mostBytes - headBytes, missingBytes: sizeBytes - mostBytes };
}

/** Stands where bytes are missing, on a line of its own whatever is around it. */
export const gapLine = (missingBytes: number) => `\n[… ${missingBytes} bytes are missing here …]\n`;
