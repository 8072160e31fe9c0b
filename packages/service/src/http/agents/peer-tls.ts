import type { ConnectionOptions, TlsOptions } from "node:tls";

/**
 * Servers of one database know each other by a secret that is in it: it is the key with which they begin TLS. So nobody
 * who does not have it gets as far as a request or an answer, and there are no certificates to make, tell and renew.
 */
const identity = "kyanite";
const minVersion = "TLSv1.3";

export const answeringTls = (secret: Uint8Array): TlsOptions => ({ minVersion, pskCallback: () => secret });

export const askingTls = (secret: Uint8Array): ConnectionOptions => ({
  minVersion,
  pskCallback: () => ({ psk: secret, identity }),
  // No certificate will do instead.
  ca: [],
  checkServerIdentity: () => undefined,
});
