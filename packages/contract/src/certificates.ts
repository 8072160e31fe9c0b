import Type, { type Static } from "typebox";
import { operation } from "./operation.ts";
import { listed, selected } from "./queries.ts";
import { DateTime, model, NameValuePair, optional, required, StringEnum, secret } from "./schema.ts";
import { CertificateState } from "./states.ts";

/** Certificates existed up to 2024-07-01.20.0. */

export const CertificateFormat = StringEnum(["pfx", "cer"]);
export type CertificateFormat = Static<typeof CertificateFormat>;

export const CertificateStoreLocation = StringEnum(["CurrentUser", "LocalMachine"]);
export type CertificateStoreLocation = Static<typeof CertificateStoreLocation>;

export const CertificateVisibility = StringEnum(["starttask", "task", "remoteuser"]);
export type CertificateVisibility = Static<typeof CertificateVisibility>;

/** Hexadecimal; blanks, as tools show them, are let through. */
const Thumbprint = Type.String({ pattern: "^ *([0-9A-Fa-f] *){1,40}$" });
const ThumbprintAlgorithm = Type.String({ pattern: "^[Ss][Hh][Aa]1$" });

export const CertificateReference = model("CertificateReference", "A certificate that is installed on each node.", {
  thumbprint: Thumbprint,
  thumbprintAlgorithm: ThumbprintAlgorithm,
  storeLocation: optional(CertificateStoreLocation, "Windows only."),
  storeName: optional(Type.String()),
  visibility: optional(Type.Array(CertificateVisibility), "Who may use it; everyone when absent."),
});
export type CertificateReference = Static<typeof CertificateReference>;

export const DeleteCertificateError = model("DeleteCertificateError", "Why a certificate could not be deleted.", {
  code: optional(Type.String()),
  message: optional(Type.String()),
  values: optional(Type.Array(NameValuePair)),
});
export type DeleteCertificateError = Static<typeof DeleteCertificateError>;

export const Certificate = model("Certificate", "A certificate of the account.", {
  thumbprint: optional(Type.String()),
  thumbprintAlgorithm: optional(Type.String()),
  url: optional(Type.String()),
  state: optional(CertificateState),
  stateTransitionTime: optional(DateTime()),
  previousState: optional(CertificateState),
  previousStateTransitionTime: optional(DateTime()),
  publicData: optional(Type.String(), "The public part, base64."),
  deleteCertificateError: optional(DeleteCertificateError),
});
export type Certificate = Static<typeof Certificate>;

export const CertificateAddParameter = model("CertificateAddParameter", "A certificate to be added.", {
  thumbprint: Thumbprint,
  thumbprintAlgorithm: ThumbprintAlgorithm,
  data: required(secret(Type.String({ minLength: 1, maxLength: 13_656 })), "The certificate, base64; at most 10 KB."),
  certificateFormat: optional(CertificateFormat),
  password: optional(secret(Type.String()), "Of a pfx with a private key."),
});
export type CertificateAddParameter = Static<typeof CertificateAddParameter>;

const path = "/certificates(thumbprintAlgorithm={thumbprintAlgorithm},thumbprint={thumbprint})";

export const certificateOperations = {
  Certificate_Add: operation({
    summary: "Adds a certificate to the account",
    method: "POST",
    path: "/certificates",
    access: "operate",
    removed: "2025-06-01",
    body: CertificateAddParameter,
    status: 201,
    entity: true,
    dataServiceId: true,
    errors: ["CertificateExists", "CertificateBeingDeleted"],
  }),
  Certificate_List: operation({
    summary: "Lists the certificates of the account",
    method: "GET",
    path: "/certificates",
    access: "read",
    removed: "2025-06-01",
    query: listed,
    status: 200,
    response: Certificate,
    shape: "list",
    set: "certificates",
    errors: [],
  }),
  Certificate_CancelDeletion: operation({
    summary: "Makes a certificate whose deletion failed active again",
    method: "POST",
    path: `${path}/canceldelete`,
    access: "operate",
    removed: "2025-06-01",
    status: 204,
    entity: true,
    dataServiceId: true,
    errors: ["CertificateNotFound", "CertificateStateActive", "CertificateBeingDeleted"],
  }),
  Certificate_Delete: operation({
    summary: "Deletes a certificate, unless a pool or node uses it",
    method: "DELETE",
    path,
    access: "operate",
    removed: "2025-06-01",
    status: 202,
    errors: ["CertificateNotFound", "CertificateBeingDeleted"],
  }),
  Certificate_Get: operation({
    summary: "Gets a certificate",
    method: "GET",
    path,
    access: "read",
    removed: "2025-06-01",
    query: selected,
    status: 200,
    response: Certificate,
    shape: "element",
    set: "certificates",
    entity: true,
    errors: ["CertificateNotFound"],
  }),
};
