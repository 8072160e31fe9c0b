import { expect, test } from "vitest";
import { blobsOf } from "./list.ts";

test("blobs are read from a listing, and directories told from them", () => {
  const page =
    "<Blobs><Blob><Name>a&amp;b/c&#x20;d.txt</Name><Properties/></Blob><Blob><Name>dir/</Name></Blob>" +
    "<Blob><Name>real</Name><Properties><ResourceType>directory</ResourceType></Properties></Blob>" +
    '<Blob><Name Encoded="true">x%FF%FE</Name></Blob></Blobs><NextMarker />'.replace("%FF%FE", "%EF%BF%BE");
  expect(blobsOf(page)).toEqual([
    { name: "a&b/c d.txt", isDirectory: false },
    { name: "dir/", isDirectory: true },
    { name: "real", isDirectory: true },
    { name: "x\uFFFE", isDirectory: false },
  ]);
});
