import { expect, test } from "vitest";
import { parseFilter } from "../../domain/filter.ts";
import { inOwnNames } from "./filters.ts";

const managed = {
  properties: { name: "id", "properties/provisioningState": "state" },
  states: { Succeeded: "active", Failed: "deletefailed" },
};
const own = (text: string) => inOwnNames(parseFilter(text), managed);

test("names and states of the management plane become those of the store", () => {
  expect(own("name eq 'a' or properties/provisioningState ne 'FAILED'")).toEqual(
    parseFilter("id eq 'a' or state ne 'deletefailed'"),
  );
  expect(own("startswith(name,'a')")).toEqual(parseFilter("startswith(id,'a')"));
});

test.each([
  ["id eq 'a'", "these can: name, properties/provisioningState"],
  ["constructor eq 'a'", "these can"],
  ["properties/provisioningState eq 'active'", "can be Succeeded, Failed"],
])("%s is refused", (text, reason) => {
  expect(() => own(text)).toThrow(
    expect.objectContaining({
      code: "InvalidQueryParameterValue",
      values: expect.objectContaining({ Reason: expect.stringContaining(reason) }),
    }),
  );
});
