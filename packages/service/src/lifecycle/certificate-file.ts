import { X509Certificate } from "node:crypto";
import { duplexPair } from "node:stream";
import { connect, createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { type CertificateAddParameter, invalidProperty } from "@kyanite/contract";

/**
 * Reads the certificate that a client adds: DER or PEM of a `cer`, PKCS#12 of a `pfx`.
 * @returns undefined for a pfx of the right password that is encrypted as nobody here can read, such as with RC2
 * @throws BatchError InvalidPropertyValue with what is wrong
 */
export async function readCertificate(body: CertificateAddParameter): Promise<X509Certificate | undefined> {
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

/** Weak keys and signatures are accepted: it is not for this server to refuse them. */
const ciphers = "DEFAULT:@SECLEVEL=0";

async function readPfx(pfx: Buffer, passphrase: string): Promise<X509Certificate | undefined> {
  try {
    return await presentedCertificate(createSecureContext({ pfx, passphrase, ciphers }));
  } catch (cause) {
    // OpenSSL compares the checksum of the whole file, which needs the password, before it says so.
    if (cause instanceof Error && "code" in cause && cause.code === "ERR_CRYPTO_UNSUPPORTED_OPERATION")
      return undefined;
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
  const client = connect({ socket: far, rejectUnauthorized: false, ciphers });
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
