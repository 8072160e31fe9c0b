/** What usually helps, by the code of a failure. */
const byCode: Readonly<Record<string, string>> = {
  CommandProgramNotFound:
    "Give the path of the program, install it on the node, or name its directory in the setting task-path. Pipes, variables and `;` take a shell: /bin/sh -c '…'",
  CommandLaunchFailed:
    "Make the file executable, or run it by its interpreter, as in /bin/sh FILE; check the interpreter in its first line, and that its lines do not end as in Windows",
  MemoryLimitExceeded: "Give the task more requiredSlots, the pool a larger vmSize, or its container a higher --memory",
  DiskFull: "Free space on the node's disk, or keep less there: outputs can be uploaded, and retentionTime be shorter",
  TaskEnded:
    "It was ended by request or by its maxWallClockTime: raise that limit in its constraints if it takes so long rightly",
  MaxInternalRetryCountReached:
    "Its nodes were lost again and again: look at what their machines say, most often that memory was exhausted",
  ApplicationPackageError: "Upload and activate the package, or name a version that the account has",
  BlobNotFound: "Check the name of the blob in the URL of the resource file",
  BlobAccessDenied: "Check the signature of the resource file's URL, and that it has not expired",
  BlobDownloadMiscError: "Check that the node reaches the address of the resource file; then run the task again",
  ResourceContainerNotFound: "Check the name of the container of the resource files",
  ResourceContainerAccessDenied: "Check the signature of the container's URL, and that it permits to list",
  FileUploadContainerNotFound: "Make the container of the output files, or check its name",
  FileUploadAccessDenied: "Check the signature of the container's URL, and that it permits to write",
  FileUploadMiscError: "Check the pattern and the destination of the output files",
  ContainerTaskSettingsNotFound: "Give the task containerSettings: its pool runs tasks in containers only",
  ContainerInvalidImage: "Check the name of the image and the log-in of its registry, or load it on the machine",
  ContainerInvalidRegistry: "Check the name of the registry and its log-in",
  ContainerInvalidSettings: "Mend the container options that the details name",
  ContainerMiscError: "Check that the machine has Docker or Podman, and that the agent may use it",
};

/** What an exit code usually means. */
const byExitCode: Readonly<Record<number, string>> = {
  1: "The command says why in stderr.txt, if at all",
  2: "Often wrong arguments: see stderr.txt",
  126: "The shell found the command, but may not execute it: make it executable, or run it by its interpreter",
  127: "The shell did not find the command: give its path, or install it on the node",
  134: "The program aborted itself (SIGABRT): see stderr.txt",
  137: "It was killed (SIGKILL), most often because memory was exhausted: give it more requiredSlots, or the pool a larger vmSize",
  139: "The program crashed (SIGSEGV): it is at fault, or was built for another machine",
  143: "It was asked to end (SIGTERM) by somebody, not by the service",
};

const ofAnyExit = "See stderr.txt and stdout.txt of the task, and run the command by hand where it ran";

/** The most special advice first; there is always some. */
export function whatHelps({ code = "" }: { readonly code?: string | undefined }, exitCode: number | null): string[] {
  const told = byCode[code];
  if (told !== undefined) return [told];
  const ofExit = exitCode === null ? undefined : byExitCode[exitCode];
  return [ofExit ?? (exitCode === null ? "The message says what is known" : ofAnyExit)];
}
