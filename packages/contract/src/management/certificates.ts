import Type, { type Static } from "typebox";
import { DateTime, optional, readOnly, StringEnum, secret } from "../schema.ts";
import { managed, paths } from "./operation.ts";
import { pagedList, resource } from "./resource.ts";

const CertificateFormat = StringEnum(["Pfx", "Cer"]);
const State = StringEnum(["Succeeded", "Deleting", "Failed"]);

export const ManagedCertificate = resource("ManagedCertificate", "A certificate of an account.", {
  thumbprintAlgorithm: optional(Type.String()),
  thumbprint: optional(Type.String()),
  format: optional(CertificateFormat),
  data: optional(secret(Type.String({ maxLength: 10_240 }))),
  password: optional(secret(Type.String())),
  provisioningState: optional(readOnly(State)),
  provisioningStateTransitionTime: optional(readOnly(DateTime())),
  previousProvisioningState: optional(readOnly(State)),
  previousProvisioningStateTransitionTime: optional(readOnly(DateTime())),
  publicData: optional(readOnly(Type.String())),
  deleteCertificateError: optional(readOnly(Type.Unknown())),
});
export type ManagedCertificate = Static<typeof ManagedCertificate>;

/** Azure keeps certificates for pools no longer. */
const removed = "2025-06-01";
const certificate = `${paths.account}/certificates/{certificateName}` as const;

export const certificateOperations = {
  Certificate_ListByBatchAccount: managed({
    summary: "Lists the certificates of an account",
    method: "GET",
    path: `${paths.account}/certificates`,
    access: "read",
    query: { ...pagedList, $filter: Type.String(), $select: Type.String() },
    status: 200,
    response: ManagedCertificate,
    shape: "list",
    removed,
  }),
  Certificate_Create: managed({
    summary: "Adds a certificate to an account",
    method: "PUT",
    path: certificate,
    access: "operate",
    body: ManagedCertificate,
    status: 200,
    response: ManagedCertificate,
    entity: true,
    removed,
  }),
  Certificate_Update: managed({
    summary: "Changes how a certificate is kept",
    method: "PATCH",
    path: certificate,
    access: "operate",
    body: ManagedCertificate,
    status: 200,
    response: ManagedCertificate,
    entity: true,
    removed,
  }),
  Certificate_Delete: managed({
    summary: "Deletes a certificate that no pool refers to",
    method: "DELETE",
    path: certificate,
    access: "operate",
    status: 200,
    removed,
  }),
  Certificate_Get: managed({
    summary: "Gets a certificate",
    method: "GET",
    path: certificate,
    access: "read",
    status: 200,
    response: ManagedCertificate,
    entity: true,
    removed,
  }),
  Certificate_CancelDeletion: managed({
    summary: "Makes a certificate whose deletion failed active again",
    method: "POST",
    path: `${certificate}/cancelDelete`,
    access: "operate",
    status: 200,
    response: ManagedCertificate,
    entity: true,
    removed,
  }),
};
