import Type, { type Static } from "typebox";
import { operation } from "./operation.ts";
import { paged } from "./queries.ts";
import { DateTime, Int32, model, optional, required, StringEnum } from "./schema.ts";

/** What a request proved itself by: an account's key, a principal's token, a task's token, or nothing that was valid. */
export const CredentialKind = StringEnum(["key", "principal", "task", "none"]);
export type CredentialKind = Static<typeof CredentialKind>;

export const AuditEntry = model(
  "AuditEntry",
  "A request that could change something or that read keys, or requests of strangers that were refused.",
  {
    time: required(DateTime(), "When it was answered."),
    requestId: required(Type.String(), "The header `request-id` of the answer."),
    plane: required(StringEnum(["data", "management"]), "Which half of the service was asked."),
    operation: required(Type.String(), "Such as `Task_Add`; `none` where the request did not get as far."),
    resource: required(Type.String(), "The path of what it was about, its first 1024 characters, without the query."),
    credential: required(CredentialKind, "What the request proved itself by."),
    principal: optional(
      Type.String(),
      "`Primary` or `Secondary` for a key, the id of a principal, `jobs/JOB/tasks/TASK` for the token of a task.",
    ),
    principalName: optional(Type.String(), "What the principal is called, where that is known."),
    role: optional(Type.String(), "What the credential permitted on the account."),
    address: required(Type.String(), "From where the connection came; behind a proxy, the proxy's."),
    userAgent: optional(Type.String(), "What the client calls itself, its first 256 characters."),
    status: required(Int32(), "Status of the answer."),
    error: optional(Type.String(), "The code of the error that it was answered with."),
    count: required(
      Int32({ minimum: 1 }),
      "How many requests this stands for: more than one only of refused strangers, of whom the last is described.",
    ),
  },
);
export type AuditEntry = Static<typeof AuditEntry>;

export const auditOperations = {
  Audit_List: operation({
    summary:
      "Lists who did what in an account, latest first; as CSV or JSON lines when `Accept` asks for `text/csv` or `application/jsonl`",
    method: "GET",
    path: "/kyanite/audit",
    access: "own",
    query: {
      principal: Type.String({ description: "The principal or its name." }),
      operation: Type.String({ description: "Such as `Pool_Delete`." }),
      resource: Type.String({ description: "Path of a resource; what is below it is meant, too." }),
      from: Type.String({ format: "date-time", description: "The earliest time." }),
      to: Type.String({ format: "date-time", description: "The time before which it was." }),
      ...paged,
    },
    status: 200,
    response: AuditEntry,
    shape: "list",
    set: "audit",
    errors: [],
  }),
} as const;
