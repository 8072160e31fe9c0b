import type { X509Certificate } from "node:crypto";
import {
  BatchError,
  type CertificateAddParameter,
  type CertificateReference,
  invalidProperty,
} from "@kyanite/contract";
import type { Account } from "../domain/account/account.ts";
import { type Certificate, inUse, moveCertificate, normalizeThumbprint } from "../domain/account/certificate.ts";
import {
  deleteCertificate,
  findCertificates,
  insertCertificate,
  readPoolsWithCertificate,
  saveCertificate,
} from "../store/certificates.ts";
import type { Sql } from "../store/database.ts";
import { requireAccount } from "./account.ts";

/**
 * Adds a certificate that was read from the body, and whose thumbprint must be the one that the client says. Of one that
 * could not be read the client is believed, and its public part is not shown.
 */
export async function addCertificate(
  sql: Sql,
  account: Account,
  { body, certificate, now }: { body: CertificateAddParameter; certificate: X509Certificate | undefined; now: Date },
): Promise<{ thumbprint: string; etag: string }> {
  const given = normalizeThumbprint(body.thumbprint);
  const thumbprint = certificate?.fingerprint.replaceAll(":", "").toLowerCase() ?? given;
  if (given !== thumbprint)
    throw invalidProperty("thumbprint", body.thumbprint, `The thumbprint of the data is ${thumbprint}`);
  await requireAccount(sql, account);
  const inserted = await insertCertificate(sql, account, {
    thumbprint,
    lastModified: now,
    publicData: certificate?.raw.toString("base64") ?? "",
    format: body.certificateFormat ?? "pfx",
    data: body.data,
    password: body.password ?? null,
  });
  if (!inserted) throw new BatchError("CertificateExists");
  return { thumbprint, etag: inserted.etag };
}

/** Deletes a certificate; one that pools refer to becomes `deletefailed` instead, and says why. */
export async function removeCertificate(sql: Sql, certificate: Certificate, now: Date): Promise<void> {
  const pools = await readPoolsWithCertificate(sql, certificate);
  if (pools.length === 0) return deleteCertificate(sql, certificate.pk);
  const refused = moveCertificate(certificate, "refuseDeletion", now);
  if (!refused) throw new BatchError("CertificateBeingDeleted");
  await saveCertificate(sql, { ...refused, deleteError: inUse(pools) });
}

/** Makes a certificate whose deletion failed active again. */
export async function cancelDeletion(sql: Sql, certificate: Certificate, now: Date): Promise<{ etag: string }> {
  const active = moveCertificate(certificate, "cancelDeletion", now);
  if (active) return saveCertificate(sql, active);
  throw new BatchError(certificate.state === "active" ? "CertificateStateActive" : "CertificateBeingDeleted");
}

/** @throws BatchError InvalidCertificateReferences for a certificate that the account does not have */
export async function checkCertificateReferences(
  sql: Sql,
  account: Account,
  references: readonly CertificateReference[] | undefined,
): Promise<void> {
  if (references === undefined || references.length === 0) return;
  const thumbprints = references.map(({ thumbprint }) => normalizeThumbprint(thumbprint));
  const known = new Set((await findCertificates(sql, account, thumbprints)).map(({ thumbprint }) => thumbprint));
  const unknown = thumbprints.filter((thumbprint) => !known.has(thumbprint));
  if (unknown.length === 0) return;
  throw new BatchError(
    "InvalidCertificateReferences",
    Object.fromEntries(
      unknown.map((thumbprint) => [`sha1-${thumbprint}`, "The specified certificate does not exist."]),
    ),
  );
}
