import { X509Certificate } from "node:crypto";
import { duplexPair } from "node:stream";
import { connect, createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { type CertificateAddParameter, invalidProperty } from "@kyanite/contract";

/**
 * Reads the certificate that a client adds: DER or PEM of a `cer`, PKCS#12 of a `pfx`.
 * @throws BatchError InvalidPropertyValue with what is wrong
 */
export async function readCertificate(body: CertificateAddParameter): Promise<X509Certificate> {
  if (!/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(body.data)) throw invalidProperty("data", undefined, "Not base64");
  const data = Buffer.from(body.data, "base64");
  if (body.certificateFormat !== "cer") return readPfx(data, body.password ?? "");
  if (body.password !== undefined) throw invalidProperty("password", undefined, "Only a pfx has a password");
  try {
    return new X509Certificate(data);
  } catch {
    throw invalidProperty("data", undefined, "Not an X.509 certificate");
  }
}

async function readPfx(pfx: Buffer, passphrase: string): Promise<X509Certificate> {
  try {
    return await presentedCertificate(createSecureContext({ pfx, passphrase }));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw invalidProperty(
      "data",
      undefined,
      `Not a PKCS#12 file with a private key, or of another password: ${reason}`,
    );
  }
}

/** Node takes a PKCS#12 file apart only for TLS, so a handshake within this process asks for the certificate. */
async function presentedCertificate(secureContext: SecureContext): Promise<X509Certificate> {
  const [near, far] = duplexPair();
  const server = new TLSSocket(near, { isServer: true, secureContext });
  const client = connect({ socket: far, rejectUnauthorized: false });
  try {
    return await new Promise((resolve, reject) => {
      server.once("error", reject);
      client.once("error", reject);
      client.once("secureConnect", () => {
        const certificate = client.getPeerX509Certificate();
        if (certificate) resolve(certificate);
        else reject(new Error("it has no certificate"));
      });
    });
  } finally {
    client.destroy();
    server.destroy();
  }
}
