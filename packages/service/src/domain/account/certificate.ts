import type {
  CertificateFormat,
  CertificateReference,
  CertificateState,
  DeleteCertificateError,
  OrderedCertificate,
} from "@kyanite/contract";
import type { Tags } from "../tags.ts";
import { entered, nextState, type Transitions } from "../transitions.ts";

/** A certificate of an account, as pools refer to it. */
export interface Certificate {
  readonly pk: number;
  readonly accountPk: number;
  /** Lower-case hexadecimal of its SHA-1. */
  readonly thumbprint: string;
  readonly etag: string;
  readonly lastModified: Date;
  readonly state: CertificateState;
  readonly stateTransitionTime: Date;
  readonly previousState: CertificateState | null;
  readonly previousStateTransitionTime: Date | null;
  /** DER of the certificate alone, base64; empty for one that could not be read. */
  readonly publicData: string;
  readonly format: CertificateFormat;
  /** What the client gave, base64. */
  readonly data: string;
  readonly password: string | null;
  readonly deleteError: DeleteCertificateError | null;
  readonly tags?: Tags;
}

type CertificateEvent = "refuseDeletion" | "cancelDeletion";

/** Deleting is one step: a certificate in use stays, with the reason; any other is gone at once. */
const certificateTransitions: Transitions<CertificateState, CertificateEvent> = {
  active: { refuseDeletion: "deletefailed" },
  deleting: {},
  deletefailed: { refuseDeletion: "deletefailed", cancelDeletion: "active" },
};

/** A certificate after an event that its state allows; undefined when it does not. */
export function moveCertificate(certificate: Certificate, event: CertificateEvent, now: Date): Certificate | undefined {
  const state = nextState(certificateTransitions, certificate.state, event);
  if (state === undefined) return undefined;
  return { ...entered(certificate, state, now), lastModified: now, deleteError: null };
}

/** Blanks, as tools show them, are left out; case means nothing. */
export function normalizeThumbprint(thumbprint: string): string {
  return thumbprint.replaceAll(" ", "").toLowerCase();
}

/** Why a certificate that pools refer to cannot be deleted. */
export function inUse(poolIds: readonly string[]): DeleteCertificateError {
  return {
    code: "CertificatesInUse",
    message: "The certificate is in use by pools",
    values: poolIds.map((value) => ({ name: "PoolId", value })),
  };
}

/** Thumbprints of the certificates that a run of this kind sees; a reference without a visibility is for everybody. */
export function visibleThumbprints(
  references: readonly CertificateReference[],
  kind: "startTask" | "task",
): readonly string[] {
  const needed = kind === "startTask" ? "starttask" : "task";
  return references
    .filter(({ visibility }) => visibility === undefined || visibility.includes(needed))
    .map(({ thumbprint }) => normalizeThumbprint(thumbprint));
}

/** A certificate as it lies in a run's directory on Linux. */
export function orderedCertificate({ thumbprint, format, data, password }: Certificate): OrderedCertificate {
  return { fileName: `sha1-${thumbprint}.${format}`, data, ...(password === null ? {} : { password }) };
}
