import type { Certificate } from "@kyanite/contract";
import type { Certificate as AccountCertificate } from "../../domain/account/certificate.ts";
import { isoTime } from "../../domain/time.ts";
import { addCertificate, cancelDeletion, removeCertificate } from "../../lifecycle/certificate.ts";
import { readCertificate as readCertificateFile } from "../../lifecycle/certificate-file.ts";
import { lockExistingCertificate, readExistingCertificate } from "../../lifecycle/existing.ts";
import { listCertificates } from "../../store/certificates.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";
import { oneMore, pageOf } from "../lists.ts";

export const certificateHandlers = ({ database }: HandlerContext) =>
  ({
    Certificate_Add: async ({ account, body, baseUrl, now, transaction }) => {
      const certificate = await readCertificateFile(body);
      const { thumbprint, etag } = await transaction((sql) => addCertificate(sql, account, { body, certificate, now }));
      return { entity: { etag, lastModified: now }, location: certificateUrl(baseUrl, thumbprint) };
    },

    Certificate_List: async ({ account, list, baseUrl }) => {
      const certificates = await listCertificates(database, account, oneMore(list));
      return {
        body: pageOf(
          certificates,
          list.limit,
          ({ thumbprint }) => thumbprint,
          (certificate) => wireCertificate(certificate, baseUrl),
        ),
      };
    },

    Certificate_Get: async ({ account, params, baseUrl }) => {
      const certificate = await readExistingCertificate(database, account, params);
      return { body: wireCertificate(certificate, baseUrl), entity: certificate };
    },

    Certificate_Delete: async ({ account, params, now, transaction }) => {
      await transaction(async (sql) =>
        removeCertificate(sql, await lockExistingCertificate(sql, account, params), now),
      );
      return {};
    },

    Certificate_CancelDeletion: async ({ account, params, now, transaction }) => {
      const saved = await transaction(async (sql) =>
        cancelDeletion(sql, await lockExistingCertificate(sql, account, params), now),
      );
      return { entity: { ...saved, lastModified: now } };
    },
  }) satisfies OperationHandlers;

function certificateUrl(baseUrl: string, thumbprint: string): string {
  return `${baseUrl}/certificates(thumbprintAlgorithm=sha1,thumbprint=${thumbprint})`;
}

function wireCertificate(certificate: AccountCertificate, baseUrl: string): Certificate {
  const { previousState, previousStateTransitionTime, deleteError } = certificate;
  return {
    thumbprint: certificate.thumbprint,
    thumbprintAlgorithm: "sha1",
    url: certificateUrl(baseUrl, certificate.thumbprint),
    state: certificate.state,
    stateTransitionTime: isoTime(certificate.stateTransitionTime),
    ...(previousState ? { previousState } : {}),
    ...(previousStateTransitionTime ? { previousStateTransitionTime: isoTime(previousStateTransitionTime) } : {}),
    ...(certificate.publicData === "" ? {} : { publicData: certificate.publicData }),
    ...(deleteError ? { deleteCertificateError: deleteError } : {}),
  };
}
