/**
 * Where a job's tasks have their directories below a node's root: `workitems/<job>/job-1`, and for the n-th job of a
 * schedule, whose id is `<schedule>:job-<n>`, `workitems/<schedule>/job-<n>`.
 */
export function jobDirectory(jobId: string): string {
  const [schedule, run] = jobId.split(":");
  return run === undefined ? `workitems/${jobId}/job-1` : `workitems/${schedule}/${run}`;
}

/** Where a task's files are below the node's root. */
export function taskDirectory(jobId: string, taskId: string): string {
  return `${jobDirectory(jobId)}/${taskId}`;
}

/** The directory of the run that installs packages; it has no files of its own. */
export const packageRunDirectory = "volatile/packages";

/** Where the start task's files are below the node's root. */
export const startTaskDirectory = "startup";
