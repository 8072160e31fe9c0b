import { expect, test } from "vitest";
import { RequestError } from "./request-error.ts";

const answer = (status: number, headers: Record<string, string> = {}) => ({ status, headers: new Headers(headers) });

test("an error has the code, the sentence, the id and the facts of the answer", () => {
  const body = {
    code: "InvalidPropertyValue",
    message: { lang: "en-US", value: "The value is wrong.\nRequestId:1\nTime:2026-01-01T00:00:00Z" },
    values: [{ key: "PropertyName", value: "id" }],
  };
  const error = new RequestError(answer(400, { "request-id": "1" }), JSON.stringify(body));
  expect(error).toMatchObject({
    status: 400,
    code: "InvalidPropertyValue",
    message: "The value is wrong.",
    requestId: "1",
    values: { PropertyName: "id" },
    retryAfterSeconds: undefined,
  });
});

test.each([["<html>"], [""], ["null"], ['{"code":5,"message":"no","values":{}}']])(
  "an answer with %j has no code of its own",
  (text) => {
    expect(new RequestError(answer(502, { "retry-after": "7" }), text)).toMatchObject({
      code: "HTTP 502",
      message: "The request was answered 502",
      values: {},
      retryAfterSeconds: 7,
    });
  },
);
