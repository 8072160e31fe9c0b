import Type, { type Static } from "typebox";
import { DateTime, model, optional, readOnly, StringEnum } from "../schema.ts";
import { managed, paths } from "./operation.ts";
import { pagedList, resource } from "./resource.ts";

const PackageState = StringEnum(["Pending", "Active"]);
export type PackageState = Static<typeof PackageState>;

export const Application = resource("Application", "A program that nodes can be given, in versions.", {
  displayName: optional(Type.String({ maxLength: 1024 })),
  allowUpdates: optional(Type.Boolean({ description: "Whether its packages may be replaced and deleted; true." })),
  defaultVersion: optional(Type.String({ description: "What a reference without a version means." })),
});
export type Application = Static<typeof Application>;

export const ApplicationPackage = resource("ApplicationPackage", "One version of an application.", {
  state: optional(readOnly(PackageState)),
  format: optional(readOnly(Type.String())),
  storageUrl: optional(readOnly(Type.String({ description: "Where to upload the package." }))),
  storageUrlExpiry: optional(readOnly(DateTime())),
  lastActivationTime: optional(readOnly(DateTime())),
});
export type ApplicationPackage = Static<typeof ApplicationPackage>;

const ActivateApplicationPackageParameters = model(
  "ActivateApplicationPackageParameters",
  "Says that a package has been uploaded.",
  { format: Type.String({ description: "Only zip." }) },
);

const application = `${paths.account}/applications/{applicationName}` as const;
const version = `${application}/versions/{versionName}` as const;

export const applicationOperations = {
  Application_List: managed({
    summary: "Lists the applications of an account",
    method: "GET",
    path: `${paths.account}/applications`,
    access: "read",
    query: pagedList,
    status: 200,
    response: Application,
    shape: "list",
  }),
  Application_Create: managed({
    summary: "Adds an application to an account, or changes the one of that name",
    method: "PUT",
    path: application,
    access: "operate",
    body: Application,
    bodyOptional: true,
    status: 200,
    response: Application,
  }),
  Application_Get: managed({
    summary: "Gets an application",
    method: "GET",
    path: application,
    access: "read",
    status: 200,
    response: Application,
  }),
  Application_Update: managed({
    summary: "Changes the given properties of an application",
    method: "PATCH",
    path: application,
    access: "operate",
    body: Application,
    status: 200,
    response: Application,
  }),
  Application_Delete: managed({
    summary: "Deletes an application that has no packages",
    method: "DELETE",
    path: application,
    access: "operate",
    status: 200,
  }),
  ApplicationPackage_List: managed({
    summary: "Lists the packages of an application",
    method: "GET",
    path: `${application}/versions`,
    access: "read",
    query: pagedList,
    status: 200,
    response: ApplicationPackage,
    shape: "list",
  }),
  ApplicationPackage_Create: managed({
    summary: "Adds a package, and says where to upload it",
    method: "PUT",
    path: version,
    access: "operate",
    body: ApplicationPackage,
    bodyOptional: true,
    status: 200,
    response: ApplicationPackage,
  }),
  ApplicationPackage_Get: managed({
    summary: "Gets a package",
    method: "GET",
    path: version,
    access: "read",
    status: 200,
    response: ApplicationPackage,
  }),
  ApplicationPackage_Activate: managed({
    summary: "Gives an uploaded package to nodes from now on",
    method: "POST",
    path: `${version}/activate`,
    access: "operate",
    body: ActivateApplicationPackageParameters,
    status: 200,
    response: ApplicationPackage,
  }),
  ApplicationPackage_Delete: managed({
    summary: "Deletes a package and what was uploaded",
    method: "DELETE",
    path: version,
    access: "operate",
    status: 200,
  }),
};
