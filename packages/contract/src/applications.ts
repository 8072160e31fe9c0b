import Type, { type Static } from "typebox";
import { operation } from "./operation.ts";
import { paged } from "./queries.ts";
import { model, required } from "./schema.ts";

export const ApplicationSummary = model(
  "ApplicationSummary",
  "An application of which packages can be given to nodes.",
  {
    id: Type.String(),
    displayName: Type.String(),
    versions: required(Type.Array(Type.String()), "Of its active packages."),
  },
);
export type ApplicationSummary = Static<typeof ApplicationSummary>;

export const applicationOperations = {
  Application_List: operation({
    newName: "Applications_ListApplications",
    summary: "Lists the applications of the account",
    method: "GET",
    path: "/applications",
    access: "read",
    query: paged,
    status: 200,
    response: ApplicationSummary,
    shape: "list",
    set: "applications",
    errors: [],
  }),
  Application_Get: operation({
    newName: "Applications_GetApplication",
    summary: "Gets an application",
    method: "GET",
    path: "/applications/{applicationId}",
    access: "read",
    status: 200,
    response: ApplicationSummary,
    shape: "element",
    set: "applications",
    errors: ["ApplicationNotFound"],
  }),
};
