import { invalidProperty, type OutputFile, type ResourceFile } from "@kyanite/contract";

/** @throws BatchError for a file without exactly one source, or one that would leave the working directory */
export function checkResourceFiles(files: readonly ResourceFile[] | undefined, property: string): void {
  for (const [index, file] of (files ?? []).entries()) checkResourceFile(file, `${property}[${index}]`);
}

function checkResourceFile(file: ResourceFile, property: string): void {
  const sources = [file.httpUrl, file.storageContainerUrl, file.autoStorageContainerName].filter(
    (source) => source !== undefined,
  );
  if (sources.length !== 1)
    throw invalidProperty(
      property,
      undefined,
      "Give exactly one of httpUrl, storageContainerUrl and autoStorageContainerName",
    );
  for (const name of ["httpUrl", "storageContainerUrl"] as const) {
    const url = file[name];
    if (url !== undefined && !/^https?:\/\/[^/]/i.test(url))
      throw invalidProperty(`${property}.${name}`, withoutQuery(url), "Not an http or https URL");
  }
  if (file.httpUrl !== undefined && (file.filePath ?? "") === "")
    throw invalidProperty(`${property}.filePath`, undefined, "A file from httpUrl needs a filePath");
  if (file.httpUrl !== undefined && file.blobPrefix !== undefined)
    throw invalidProperty(
      `${property}.blobPrefix`,
      file.blobPrefix,
      "A blobPrefix goes with a container, not with httpUrl",
    );
  if (file.filePath !== undefined && leavesDirectory(file.filePath))
    throw invalidProperty(`${property}.filePath`, file.filePath, "The path may not leave the working directory");
}

/** @throws BatchError for an output file that says nowhere to go */
export function checkOutputFiles(files: readonly OutputFile[] | undefined, property: string): void {
  for (const [index, file] of (files ?? []).entries()) {
    const url = file.destination.container?.containerUrl;
    if (url === undefined)
      throw invalidProperty(`${property}[${index}].destination.container`, undefined, "Give a container");
    if (!/^https?:\/\/[^/]/i.test(url))
      throw invalidProperty(
        `${property}[${index}].destination.container.containerUrl`,
        withoutQuery(url),
        "Not an http or https URL",
      );
  }
}

function leavesDirectory(path: string): boolean {
  return path.startsWith("/") || path.split(/[/\\]/).includes("..");
}

/** What follows the question mark may be a secret signature. */
function withoutQuery(url: string): string {
  return url.split("?")[0] ?? "";
}
