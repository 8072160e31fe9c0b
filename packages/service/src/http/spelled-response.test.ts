import { expect, test } from "vitest";
import { spelled } from "./spelled-response.ts";

test("names of headers are spelled as the service spells them", () => {
  const names = ["etag", "last-modified", "content-length", "dataserviceid", "location", "retry-after"];
  expect(names.map(spelled)).toEqual([
    "ETag",
    "Last-Modified",
    "Content-Length",
    "DataServiceId",
    "Location",
    "Retry-After",
  ]);
  for (const name of ["request-id", "client-request-id", "ocp-batch-file-url", "x-ms-request-id"])
    expect(spelled(name)).toBe(name);
});
