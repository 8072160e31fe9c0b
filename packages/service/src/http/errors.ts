import type { BatchError } from "@kyanite/contract";

/** An error as it stands inside an answer. */
export interface ErrorBody {
  code: string;
  message: { lang: string; value: string };
  values?: { key: string; value: string }[];
}

/** The body of an error: its text carries the request's id and the time, as clients print it. */
export function errorBody(error: BatchError, requestId: string, now: Date): ErrorBody {
  const values = Object.entries(error.values).map(([key, value]) => ({ key, value }));
  const time = now.toISOString().replace("Z", "0000Z");
  return {
    code: error.code,
    message: { lang: "en-US", value: `${error.message}\nRequestId:${requestId}\nTime:${time}` },
    ...(values.length > 0 ? { values } : {}),
  };
}

export const errorSet = "Microsoft.Azure.Batch.Protocol.Entities.Container.errors/@Element";
