import { describe, expect, test } from "vitest";
import { checkMounts, mountsOf, parseMountSources } from "./mounts.ts";

const nfs = { nfsMountConfiguration: { source: "Files:/Export/", relativeMountPath: "nfs" } };
const cifs = {
  cifsMountConfiguration: { source: "\\\\files\\share", relativeMountPath: "smb", username: "u", password: "p" },
};
const share = {
  azureFileShareConfiguration: {
    azureFileUrl: "https://a.file.core.windows.net/s",
    accountName: "a",
    accountKey: "k",
    relativeMountPath: "a/s",
  },
};
const blob = {
  azureBlobFileSystemConfiguration: { accountName: "a", containerName: "c", sasKey: "s", relativeMountPath: "c" },
};

const refusal = (...mounts: Parameters<typeof checkMounts>[0] & object) => {
  try {
    checkMounts(mounts);
    return undefined;
  } catch (error) {
    return error;
  }
};

describe("file systems of nodes", () => {
  test("are found by the names of their shares", () => {
    const sources = parseMountSources("files:/export=/srv/a, //files/share=/srv/b,blob://a/c=/srv/c");
    expect(mountsOf([nfs, cifs, share, blob], sources ?? [])).toEqual([
      { path: "nfs", source: "files:/export", directory: "/srv/a" },
      { path: "smb", source: "//files/share", directory: "/srv/b" },
      { path: "a/s", source: "https://a.file.core.windows.net/s" },
      { path: "c", source: "blob://a/c", directory: "/srv/c" },
    ]);
  });

  test("that a list names must each have an absolute directory", () => {
    expect(parseMountSources("")).toEqual([]);
    expect(parseMountSources("files:/export=srv")).toBeUndefined();
    expect(parseMountSources("files:/export")).toBeUndefined();
  });

  test("are of exactly one kind each", () => {
    expect(refusal(nfs, cifs, share, blob)).toBeUndefined();
    expect(refusal({})).toMatchObject({ code: "InvalidPropertyValue" });
    expect(refusal({ ...nfs, ...cifs })).toMatchObject({ values: { PropertyName: "mountConfiguration[0]" } });
  });

  test("have paths of their own below the mounts directory", () => {
    for (const relativeMountPath of ["", "/x", "../x", "x/..", "x//y", "./x"])
      expect(refusal({ nfsMountConfiguration: { source: "s", relativeMountPath } })).toMatchObject({
        values: { PropertyName: "mountConfiguration[0].relativeMountPath" },
      });
    const below = { nfsMountConfiguration: { source: "s", relativeMountPath: "nfs/below" } };
    expect(refusal(nfs, nfs)).toMatchObject({ code: "InvalidPropertyValue" });
    expect(refusal(nfs, below)).toMatchObject({ code: "InvalidPropertyValue" });
  });

  test("of containers need one credential", () => {
    const without = { accountName: "a", containerName: "c", relativeMountPath: "c" };
    expect(refusal({ azureBlobFileSystemConfiguration: without })).toMatchObject({ code: "InvalidPropertyValue" });
    const both = { ...without, sasKey: "s", accountKey: "k" };
    expect(refusal({ azureBlobFileSystemConfiguration: both })).toMatchObject({ code: "InvalidPropertyValue" });
  });
});
