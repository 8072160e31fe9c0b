import { BatchError, invalidProperty, type ManagedCertificate, ManagementError } from "@kyanite/contract";
import type { Account } from "../../../domain/account/account.ts";
import { type Certificate, normalizeThumbprint } from "../../../domain/account/certificate.ts";
import { wireTags } from "../../../domain/tags.ts";
import { isoTime } from "../../../domain/time.ts";
import { addCertificate, cancelDeletion, removeCertificate } from "../../../lifecycle/certificate.ts";
import { readCertificate as readCertificateFile } from "../../../lifecycle/certificate-file.ts";
import { lockExistingCertificate } from "../../../lifecycle/existing.ts";
import { listCertificates, namedCertificateFilterColumns, readCertificate } from "../../../store/certificates.ts";
import { saveTags } from "../../../store/tags.ts";
import { pageOf } from "../../lists.ts";
import { inOwnNames, type ManagedFilter } from "../filters.ts";
import { accountId, type ManagementContext, type ManagementHandlers, weakEtag } from "../handler.ts";

export const certificateHandlers = ({ database }: ManagementContext) => {
  const existing = async (account: Account, name: string) => {
    const { thumbprint, thumbprintAlgorithm } = idsOf(name);
    const certificate =
      thumbprintAlgorithm === "sha1" ? await readCertificate(database, account, thumbprint) : undefined;
    if (!certificate) throw new ManagementError("ResourceNotFound", "There is no such certificate.");
    return certificate;
  };
  const answer = (account: Account, certificate: Certificate) => ({
    body: wireCertificate(account, certificate),
    etag: weakEtag(certificate.etag),
  });

  const tagged = async (account: Account, { pk, thumbprint }: Certificate, { tags }: ManagedCertificate) => {
    await saveTags(database, "certificate", { pk, tags });
    return answer(account, await existing(account, `sha1-${thumbprint}`));
  };

  return {
    Certificate_ListByBatchAccount: async ({ account, list }) => {
      const { filter, ...page } = list;
      const certificates = await listCertificates(
        database,
        account,
        { ...page, ...(filter ? { filter: inOwnNames(filter, filterable) } : {}), limit: list.limit + 1 },
        namedCertificateFilterColumns,
      );
      return {
        body: pageOf(
          certificates,
          list.limit,
          ({ thumbprint }) => thumbprint,
          (each) => wireCertificate(account, each),
        ),
      };
    },

    Certificate_Create: async ({ account, params, body, conditions, now, transaction }) => {
      const { data, password, format = "Pfx" } = body.properties ?? {};
      if (data === undefined) throw new BatchError("MissingRequiredProperty", { PropertyName: "properties.data" });
      const ids = idsOf(params.certificateName);
      checkSame(body, ids);
      const present = await readCertificate(database, account, ids.thumbprint);
      conditions.check(present);
      if (present && isUnchanged(body, present)) return tagged(account, present, body);
      const given = {
        ...ids,
        data,
        certificateFormat: format === "Cer" ? ("cer" as const) : ("pfx" as const),
        ...(password === undefined ? {} : { password }),
      };
      const certificate = await readCertificateFile(given);
      await transaction((sql) => addCertificate(sql, account, { body: given, certificate, now }));
      return tagged(account, await existing(account, params.certificateName), body);
    },

    Certificate_Update: async ({ account, params, body, conditions }) => {
      const certificate = await existing(account, params.certificateName);
      conditions.check(certificate);
      checkSame(body, idsOf(params.certificateName));
      if (!isUnchanged(body, certificate))
        throw new ManagementError(
          "OperationNotSupported",
          "Delete the certificate and add it again.",
          "properties.data",
        );
      return tagged(account, certificate, body);
    },

    Certificate_Delete: async ({ account, params, now, transaction }) => {
      const ids = idsOf(params.certificateName);
      if (!(await readCertificate(database, account, ids.thumbprint))) return { status: 204 };
      await transaction(async (sql) => removeCertificate(sql, await lockExistingCertificate(sql, account, ids), now));
      return {};
    },

    Certificate_Get: async ({ account, params }) => answer(account, await existing(account, params.certificateName)),

    Certificate_CancelDeletion: async ({ account, params, now, transaction }) => {
      await existing(account, params.certificateName);
      const ids = idsOf(params.certificateName);
      await transaction(async (sql) => cancelDeletion(sql, await lockExistingCertificate(sql, account, ids), now));
      return answer(account, await existing(account, params.certificateName));
    },
  } satisfies Partial<ManagementHandlers>;
};

/** A certificate's name is its algorithm and its thumbprint, such as `sha1-0a0e…`. */
function idsOf(name: string): { thumbprintAlgorithm: string; thumbprint: string } {
  const [algorithm = "", thumbprint = ""] = name.split("-");
  return { thumbprintAlgorithm: algorithm.toLowerCase(), thumbprint: normalizeThumbprint(thumbprint) };
}

function checkSame({ properties = {} }: ManagedCertificate, ids: ReturnType<typeof idsOf>): void {
  const { thumbprint, thumbprintAlgorithm } = properties;
  if (thumbprint !== undefined && normalizeThumbprint(thumbprint) !== ids.thumbprint)
    throw invalidProperty("properties.thumbprint", thumbprint, "The certificate's name has another one");
  if (thumbprintAlgorithm !== undefined && thumbprintAlgorithm.toLowerCase() !== ids.thumbprintAlgorithm)
    throw invalidProperty("properties.thumbprintAlgorithm", thumbprintAlgorithm, "The name has another one");
}

/** Whether what a client gives of a certificate, if anything, is kept already. */
function isUnchanged({ properties = {} }: ManagedCertificate, certificate: Certificate): boolean {
  const { data, password, format } = properties;
  const bytes = (base64: string) => Buffer.from(base64, "base64");
  return (
    (data === undefined || bytes(data).equals(bytes(certificate.data))) &&
    (password === undefined || password === (certificate.password ?? "")) &&
    (format === undefined || format.toLowerCase() === certificate.format)
  );
}

const filterable: ManagedFilter = {
  properties: {
    name: "name",
    "properties/provisioningState": "state",
    "properties/provisioningStateTransitionTime": "stateTransitionTime",
  },
  states: { Succeeded: "active", Deleting: "deleting", Failed: "deletefailed" },
};

const states = { active: "Succeeded", deleting: "Deleting", deletefailed: "Failed" } as const;

function wireCertificate(account: Account, certificate: Certificate): ManagedCertificate {
  const { thumbprint, previousState, previousStateTransitionTime, deleteError } = certificate;
  const name = `sha1-${thumbprint}`;
  return {
    id: `${accountId(account)}/certificates/${name}`,
    name,
    type: "Microsoft.Batch/batchAccounts/certificates",
    etag: weakEtag(certificate.etag),
    ...wireTags(certificate),
    properties: {
      thumbprintAlgorithm: "sha1",
      thumbprint,
      format: certificate.format === "cer" ? "Cer" : "Pfx",
      provisioningState: states[certificate.state],
      provisioningStateTransitionTime: isoTime(certificate.stateTransitionTime),
      ...(previousState ? { previousProvisioningState: states[previousState] } : {}),
      ...(previousStateTransitionTime
        ? { previousProvisioningStateTransitionTime: isoTime(previousStateTransitionTime) }
        : {}),
      ...(certificate.publicData === "" ? {} : { publicData: certificate.publicData }),
      ...(deleteError ? { deleteCertificateError: deleteError } : {}),
    },
  };
}
