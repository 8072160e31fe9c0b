import { firstGroup, managementToken } from "./clients.ts";
import type { RunningService } from "./running-service.ts";

export interface ManagementRequest {
  /** `2023-11-01` unless given. */
  readonly version?: string;
  /** More of the query, encoded, such as `$filter=name+eq+'x'`. */
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

export interface ManagementAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Whatever JSON the answer has; an empty object when it has none. */
  readonly body: unknown;
  /** Of an error. */
  readonly code: string | undefined;
}

/** Sends what is below an account of the management plane, as an owner. */
export type ManagementRequests = (
  method: string,
  path: string,
  request?: ManagementRequest,
) => Promise<ManagementAnswer>;

export async function managementRequests(
  service: Pick<RunningService, "database" | "url" | "account">,
): Promise<ManagementRequests> {
  const { token } = await (await managementToken(service, { role: "owner" }))();
  const { subscriptionId, resourceGroup } = firstGroup;
  const account = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Batch/batchAccounts/${service.account.name}`;
  return async (method, path, { version = "2023-11-01", query = "", headers, body } = {}) => {
    const url = `${service.url}${account}${path}?api-version=${version}${query === "" ? "" : `&${query}`}`;
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer: unknown = JSON.parse((await response.text()) || "{}");
    return { status: response.status, headers: response.headers, body: answer, code: Object(answer).error?.code };
  };
}
