import { firstGroup, managementToken, type RunningService, runningService } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let service: RunningService;
let token: string;

beforeAll(async () => {
  service = await runningService();
  token = (await (await managementToken(service, { role: "owner" }))()).token;
});
afterAll(() => service[Symbol.asyncDispose]());

const path = `/subscriptions/${firstGroup.subscriptionId}/resourceGroups/${firstGroup.resourceGroup}/providers/Microsoft.Batch/batchAccounts`;

async function put(body: string | Uint8Array<ArrayBuffer>, { type = "application/json", query = "" } = {}) {
  const response = await fetch(`${service.url}${path}/made?api-version=2023-11-01${query}`, {
    method: "PUT",
    headers: { authorization: `Bearer ${token}`, "content-type": type },
    body,
  });
  const answer: unknown = JSON.parse((await response.text()) || "{}");
  return { status: response.status, code: Object(answer).error?.code };
}

test.each([
  ["with a text of U+0000", '{"location":"a","tags":{"a":"\\u0000"}}', 400, "InvalidRequestBody"],
  ["with half a surrogate pair", '{"location":"a","tags":{"\\ud800":"a"}}', 400, "InvalidRequestBody"],
  ["without bottom", `{"location":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, 400, "InvalidRequestBody"],
  [
    "that is not UTF-8",
    new Uint8Array([...Buffer.from('{"location":"'), 0xff, ...Buffer.from('"}')]),
    400,
    "InvalidRequestBody",
  ],
  ["that are no JSON", "{", 400, "InvalidRequestBody"],
  ["that are empty", "", 400, "InvalidRequestBody"],
  ["of more than 4 MB", `"${" ".repeat(4 * 1024 * 1024)}"`, 413, "RequestBodyTooLarge"],
])("bodies of the management plane %s are refused as those of the data plane are", async (_, body, status, code) => {
  expect(await put(body)).toEqual({ status, code });
});

test("a body of another type is refused, and so is a query with too many parameters", async () => {
  expect(await put("a=b", { type: "application/x-www-form-urlencoded" })).toEqual({
    status: 415,
    code: "InvalidContentType",
  });
  expect(await put("{}", { query: "&a=b".repeat(100) })).toEqual({ status: 400, code: "RequestUrlFailedToParse" });
});
