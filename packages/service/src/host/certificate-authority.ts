import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { readTextIfExists, writeFileAtomically } from "@kyanite/runtime";
import { authorityBundle } from "./endpoints.ts";

/** The files that HTTPS needs, in PEM. */
export interface ServerCertificate {
  /** Path of the authority's certificate, which clients have to trust. */
  readonly authorityFile: string;
  /** The server's certificate, and its private key. */
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** Where keys and certificates are kept. */
  readonly directory: string;
  /** Names and addresses that the certificate must be good for. */
  readonly names: readonly string[];
  readonly now: Date;
}

const day = 24 * 60 * 60 * 1000;
const authorityDays = 3650;
/** Apple's clients take no more than 825 days from a private authority. */
const serverDays = 365;
const renewalDays = 30;
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/**
 * Names under which a server can be reached. Clients refuse a wildcard right below a top-level name, hence the
 * account's own name beside `*.localhost`.
 */
export function serverNames(host: string, account: string): readonly string[] {
  const isAnyAddress = host === "0.0.0.0" || host === "::";
  const local = ["localhost", "*.localhost", `${account}.localhost`, `*.${account}.localhost`, "127.0.0.1", "::1"];
  return [...new Set(isAnyAddress ? local : [...local, host])];
}

/**
 * The server's certificate, from an authority of our own that is made at the first start. It is made anew when it is
 * about to expire, when the names change, and with the authority.
 */
export async function readServerCertificate({ directory, names, now }: CertificateOptions): Promise<ServerCertificate> {
  // Clients of other users need the authority; keys are files that only we can read.
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const pairs = { authority: pairIn(directory, "ca"), server: pairIn(directory, "server") } as const;
  const keptAuthority = await readPair(pairs.authority);
  const isAuthorityGood = keptAuthority !== undefined && isStillValid(keptAuthority, now);
  const authority = isAuthorityGood ? keptAuthority : await keepPair(pairs.authority, await makeAuthority(now));
  const kept = await readPair(pairs.server);
  const isGood = kept !== undefined && isStillValid(kept, now) && isFor(names, kept) && isFrom(authority, kept);
  const server = isGood ? kept : await keepPair(pairs.server, await makeServerPair(authority, names, now));
  const authorityFile = pairs.authority.certificateFile;
  await keepBundle(authorityBundle(authorityFile), authority.certificate);
  return { authorityFile, ...server };
}

async function keepBundle(file: string, authority: string): Promise<void> {
  const bundle = [authority.trimEnd(), ...rootCertificates, ""].join("\n");
  if ((await readTextIfExists(file)) !== bundle) await writeFileAtomically(file, bundle, 0o644);
}

/** A certificate and its private key, in PEM. */
interface Pair {
  readonly certificate: string;
  readonly key: string;
}

interface PairFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

const pairIn = (directory: string, name: string): PairFiles => ({
  certificateFile: join(directory, `${name}.pem`),
  keyFile: join(directory, `${name}.key`),
});

async function readPair({ certificateFile, keyFile }: PairFiles): Promise<Pair | undefined> {
  const [certificate, key] = await Promise.all([readTextIfExists(certificateFile), readTextIfExists(keyFile)]);
  if (certificate === undefined || key === undefined) return undefined;
  // Keys are written first: after an interruption the two may not belong together.
  const isPair = new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  return isPair ? { certificate, key } : undefined;
}

async function keepPair({ certificateFile, keyFile }: PairFiles, pair: Pair): Promise<Pair> {
  await writeFileAtomically(keyFile, pair.key);
  await writeFileAtomically(certificateFile, pair.certificate, 0o644);
  return pair;
}

function isStillValid({ certificate }: Pair, now: Date): boolean {
  const { validFrom, validTo } = new X509Certificate(certificate);
  const renewal = new Date(validTo).getTime() - renewalDays * day;
  return new Date(validFrom).getTime() <= now.getTime() && now.getTime() < renewal;
}

function isFrom(authority: Pair, { certificate }: Pair): boolean {
  return new X509Certificate(certificate).verify(new X509Certificate(authority.certificate).publicKey);
}

function isFor(names: readonly string[], { certificate }: Pair): boolean {
  const parsed = new X509Certificate(certificate);
  const found = (parsed.subjectAltName ?? "").split(", ");
  const has = (name: string) => (isIP(name) ? parsed.checkIP(name) !== undefined : found.includes(`DNS:${name}`));
  return found.length === names.length && names.every(has);
}

/** The library is big and needed once a year, so it is loaded only then. */
async function loadX509() {
  await import("reflect-metadata");
  return import("@peculiar/x509");
}

async function makeKeys() {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({ format: "pem", type: "pkcs8" });
  return { keys, key: String(key) };
}

const validity = (now: Date, days: number) => ({
  // Clocks of clients may be behind ours.
  notBefore: new Date(now.getTime() - day),
  notAfter: new Date(now.getTime() + days * day),
});

const newSerialNumber = () => `01${randomBytes(15).toString("hex")}`;

async function makeAuthority(now: Date): Promise<Pair> {
  const x509 = await loadX509();
  const { keys, key } = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: newSerialNumber(),
      // Each authority has a name of its own, so that a client that trusts several does not confuse them.
      name: `CN=Kyanite local authority ${randomBytes(4).toString("hex")}`,
      ...validity(now, authorityDays),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { certificate: `${certificate.toString("pem")}\n`, key };
}

async function makeServerPair(authority: Pair, names: readonly string[], now: Date): Promise<Pair> {
  const x509 = await loadX509();
  const { keys, key } = await makeKeys();
  const issuer = new x509.X509Certificate(authority.certificate);
  const issuerKey = createPrivateKey(authority.key).export({ format: "der", type: "pkcs8" });
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: newSerialNumber(),
      subject: "CN=Kyanite",
      issuer: issuer.subject,
      ...validity(now, serverDays),
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey: await webcrypto.subtle.importKey("pkcs8", issuerKey, algorithm, false, ["sign"]),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(
          names.map((name) => ({ type: isIP(name) ? "ip" : "dns", value: name })),
        ),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { certificate: `${certificate.toString("pem")}\n`, key };
}
