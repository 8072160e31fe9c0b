import { invalidProperty, type MountConfiguration, type NodeMount } from "@kyanite/contract";

/** A directory of the machines that nodes run on, which stands for a share. */
export interface MountSource {
  /** As {@link sourceOf} names the share. */
  readonly source: string;
  /** Absolute. */
  readonly directory: string;
}

/**
 * Reads a list such as `//files/data=/srv/data,files:/export=/mnt/export`.
 * @returns undefined when the text is no such list
 */
export function parseMountSources(text: string): readonly MountSource[] | undefined {
  if (text.trim() === "") return [];
  const entries = text.split(",").map((entry) => /^\s*([^=\s]+)\s*=\s*(\/\S*?)\s*$/.exec(entry));
  const sources = entries.flatMap((match) =>
    match?.[1] !== undefined && match[2] !== undefined ? [{ source: normalized(match[1]), directory: match[2] }] : [],
  );
  return sources.length === entries.length ? sources : undefined;
}

/** What a pool's nodes mount, and where that is on their machines. */
export function mountsOf(
  configurations: readonly MountConfiguration[] | undefined,
  sources: readonly MountSource[],
): NodeMount[] {
  return (configurations ?? []).map((configuration) => {
    const source = sourceOf(configuration);
    const directory = sources.find((each) => each.source === source)?.directory;
    return { path: pathOf(configuration), source, ...(directory === undefined ? {} : { directory }) };
  });
}

/**
 * The name by which a share is known: a container as `blob://account/container`, everything else as the configuration
 * has it, in lower case and without a slash at the end.
 */
function sourceOf(configuration: MountConfiguration): string {
  const { azureBlobFileSystemConfiguration: blob, azureFileShareConfiguration: share } = configuration;
  if (blob) return normalized(`blob://${blob.accountName}/${blob.containerName}`);
  const { nfsMountConfiguration: nfs, cifsMountConfiguration: cifs } = configuration;
  return normalized(share?.azureFileUrl ?? nfs?.source ?? cifs?.source ?? "");
}

function normalized(source: string): string {
  return source
    .toLowerCase()
    .replaceAll("\\", "/")
    .replace(/(?<=[^/:])\/+$/, "");
}

function pathOf(configuration: MountConfiguration): string {
  const [kind] = Object.values(configuration).filter((value) => value !== undefined);
  return kind?.relativeMountPath ?? "";
}

/** @throws BatchError for an entry that is not of exactly one kind, or a path that is not its own below the mounts */
export function checkMounts(configurations: readonly MountConfiguration[] | undefined): void {
  const paths = new Set<string>();
  for (const [index, configuration] of (configurations ?? []).entries()) {
    const property = `mountConfiguration[${index}]`;
    if (Object.values(configuration).filter((value) => value !== undefined).length !== 1)
      throw invalidProperty(property, undefined, "Give exactly one kind of file system");
    checkCredentials(configuration, property);
    const path = pathOf(configuration);
    const steps = path.split("/");
    if (steps.some((step) => step === "" || step === "." || step === ".." || step.includes("\0")))
      throw invalidProperty(`${property}.relativeMountPath`, path, "Must be a path below the mounts directory");
    if ([...paths].some((other) => other === path || other.startsWith(`${path}/`) || path.startsWith(`${other}/`)))
      throw invalidProperty(`${property}.relativeMountPath`, path, "Each file system needs a path of its own");
    paths.add(path);
  }
}

function checkCredentials({ azureBlobFileSystemConfiguration: blob }: MountConfiguration, property: string): void {
  if (!blob) return;
  const given = [blob.accountKey, blob.sasKey, blob.identityReference].filter((value) => value !== undefined);
  if (given.length !== 1)
    throw invalidProperty(
      `${property}.azureBlobFileSystemConfiguration`,
      undefined,
      "Give exactly one of accountKey, sasKey and identityReference",
    );
}
