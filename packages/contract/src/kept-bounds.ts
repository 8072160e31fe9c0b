/** The most that a run's report carries of its files, compressed; what is larger comes later, by a POST for each. */
export const mostCarriedBytes = 4 * 1024;

/** The most that is kept of a file, whatever the settings say, with the line that marks a gap. */
export const mostKeptBytes = 1024 * 1024 + 256;
