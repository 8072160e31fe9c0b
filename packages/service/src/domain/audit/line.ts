import type { CredentialKind } from "@kyanite/contract";
import type { Credential, Role } from "../account/caller.ts";

/** What the audit keeps of one request, or of several that were refused for the same reason. */
export interface AuditLine {
  readonly time: Date;
  readonly account: string;
  readonly plane: "data" | "management";
  readonly operation: string;
  readonly resource: string;
  readonly credential: CredentialKind;
  readonly principal: string | null;
  readonly principalName: string | null;
  readonly role: Role | null;
  readonly address: string;
  readonly userAgent: string | null;
  readonly requestId: string;
  readonly status: number;
  readonly errorCode: string | null;
  readonly count: number;
}

/** What was learnt of a request until it was answered. */
export interface AskedThing {
  readonly plane: AuditLine["plane"];
  /** The account that it was about, or that a stranger named. */
  readonly account: string;
  /** The operation's name, and whether it may change something or tells secrets; absent until it is found. */
  readonly operation?: { readonly name: string; readonly isKept: boolean };
  readonly resource: string;
  /** The status of the answer with which a line was kept together with the change. */
  readonly keptStatus?: number;
  /** Absent until who asks is known. */
  readonly by?: { readonly credential: Credential; readonly role?: Role };
}

/** Of the connection and of the answer. */
export interface Exchange {
  readonly time: Date;
  readonly requestId: string;
  readonly address: string;
  readonly userAgent: string | undefined;
  readonly status: number;
  readonly errorCode: string | undefined;
}

/**
 * Whether a request gets a line of its own, is counted with others of strangers, or leaves nothing. What fails before
 * an operation was found has not come as far as a credential.
 */
export function keeping({ operation, by, keptStatus }: AskedThing, status: number): "line" | "count" | "nothing" {
  if (!operation || status === keptStatus) return "nothing";
  if (by) return operation.isKept ? "line" : "nothing";
  return status < 500 ? "count" : "nothing";
}

/** The lengths to which texts are cut that a client chooses. */
const longest = { resource: 1024, principal: 256, userAgent: 256 } as const;

export function auditLine(asked: AskedThing, exchange: Exchange): AuditLine {
  const { credential, role } = asked.by ?? {};
  const { time, requestId, address, status } = exchange;
  return {
    time,
    account: asked.account,
    plane: asked.plane,
    operation: asked.operation?.name ?? "none",
    resource: cut(asked.resource, longest.resource),
    ...principalOf(credential),
    role: role ?? null,
    address,
    userAgent: exchange.userAgent ? cut(exchange.userAgent, longest.userAgent) : null,
    requestId,
    status,
    errorCode: exchange.errorCode ?? null,
    count: 1,
  };
}

function principalOf(
  credential: Credential | undefined,
): Pick<AuditLine, "credential" | "principal" | "principalName"> {
  switch (credential?.kind) {
    case undefined:
      return { credential: "none", principal: null, principalName: null };
    case "key":
      return { credential: "key", principal: credential.key, principalName: null };
    case "task": {
      const { jobId, taskId } = credential;
      return { credential: "task", principal: `jobs/${jobId}/tasks/${taskId}`, principalName: null };
    }
    case "principal": {
      const { id, name } = credential.principal;
      return {
        credential: "principal",
        principal: cut(id, longest.principal),
        principalName: name === undefined ? null : cut(name, longest.principal),
      };
    }
  }
}

/** Without control characters, which terminals and spreadsheets may take for more than text. */
function cut(text: string, length: number): string {
  return text
    .slice(0, length)
    .replaceAll(/\p{Cs}/gu, "\ufffd")
    .replaceAll(/\p{Cc}/gu, " ");
}
