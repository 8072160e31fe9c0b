import { der, explicit, octets, oid, sequence } from "./der.ts";

/**
 * A PKCS#12 file (RFC 7292) that Java takes as trust store: certificates alone, each marked as trusted. They are no
 * secret, so nothing is encrypted and there is no MAC; then Java opens the file with any password and with none.
 * @param certificates in PEM
 */
export function javaTrustStore(certificates: readonly string[]): Buffer {
  const bags = certificates.map((pem, index) => trustedBag(bytesOf(pem), `kyanite-${index}`));
  const contents = data(sequence(data(sequence(...bags))));
  return sequence(der(0x02, Buffer.of(3)), contents);
}

const bytesOf = (pem: string) => Buffer.from(pem.replace(/-----[^-]+-----/g, ""), "base64");

function trustedBag(certificate: Buffer, alias: string): Buffer {
  const bag = sequence(oid("1.2.840.113549.1.9.22.1"), explicit(octets(certificate)));
  const name = der(0x1e, Buffer.from(alias, "utf16le").swap16());
  const attributes = der(
    0x31,
    attribute("1.2.840.113549.1.9.20", name),
    // Oracle's own attribute, without which Java sees no entry: trusted for any extended key usage.
    attribute("2.16.840.1.113894.746875.1.1", oid("2.5.29.37.0")),
  );
  return sequence(oid("1.2.840.113549.1.12.10.1.3"), explicit(bag), attributes);
}

const attribute = (id: string, value: Buffer) => sequence(oid(id), der(0x31, value));
/** What PKCS#7 calls data. */
const data = (content: Buffer) => sequence(oid("1.2.840.113549.1.7.1"), explicit(octets(content)));
