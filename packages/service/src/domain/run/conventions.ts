/**
 * Where the file conventions of Azure Batch put what is kept of a job: the published rule for the names of containers
 * and blobs, so that programs that know it find our logs.
 */

/** What the hash of a long or odd id leaves of it. */
const mostOfId = 15;
const longestContainerName = 63;

/**
 * The container of a job's files: `job-` and the job's id, where that is the name of a container; otherwise the
 * beginning of the id and the hash of the whole.
 * @param sha1 of a text, in hexadecimal digits
 */
export function jobContainerName(jobId: string, sha1: (text: string) => string): string {
  const id = jobId.toLowerCase();
  const isName = /^[a-z0-9]+(-[a-z0-9]+)*$/.test(id) && `job-${id}`.length <= longestContainerName;
  if (isName) return `job-${id}`;
  const readable = withoutHyphensAround(withoutHyphensAround(id.replace(/[:_-]+/g, "-")).slice(0, mostOfId));
  return `job-${readable || "job"}-${sha1(id)}`;
}

const withoutHyphensAround = (text: string) => text.replace(/^-+|-+$/g, "");

/** The blob of a log of the run with which a task has ended. */
export const taskLogBlob = (taskId: string, path: string) => `${taskId}/$TaskLog/${path}`;

/** The blob of a log of any other run, and of one whose own name is taken. */
export const runLogBlob = (taskId: string, runId: string, path: string) => `${taskId}/$TaskLog/${runId}/${path}`;
