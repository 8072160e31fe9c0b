import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { readTextIfExists, writeFileAtomically } from "@kyanite/runtime";
import { keepAuthorityFiles } from "./authority-files.ts";
import { der, sequence } from "./der.ts";

/** The files that HTTPS needs, in PEM. */
export interface ServerCertificate {
  /** Path of the authority's certificate, which clients have to trust. */
  readonly authorityFile: string;
  /** Paths of the other two. */
  readonly certificateFile: string;
  readonly keyFile: string;
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
 * The server's certificate, from an authority of our own that is made at the first start. It is made anew when it is
 * about to expire, when there are names that it is not good for, and with the authority.
 */
export async function readServerCertificate({ directory, names, now }: CertificateOptions): Promise<ServerCertificate> {
  // Clients of other users need the authority; keys are files that only we can read.
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const pairs = { authority: pairIn(directory, "ca"), server: pairIn(directory, "server") } as const;
  const keptAuthority = await readPair(pairs.authority);
  const isAuthorityGood = keptAuthority !== undefined && !isExpiring(keptAuthority, now);
  const authority = isAuthorityGood ? keptAuthority : await keepPair(pairs.authority, await makeAuthority(now));
  // One that is damaged is made anew too: clients trust the authority and know nothing of it.
  const kept = await readPair(pairs.server).catch(() => undefined);
  const isGood = kept && hasBegun(kept, now) && !isExpiring(kept, now) && isFor(names, kept) && isFrom(authority, kept);
  const server = isGood ? kept : await keepPair(pairs.server, await makeServerPair(authority, names, now));
  const authorityFile = pairs.authority.certificateFile;
  await keepAuthorityFiles(authorityFile, authority.certificate);
  return { authorityFile, ...pairs.server, ...server };
}

/**
 * A certificate for these names, from an authority that is made for it and can be used for no other name: its key is
 * forgotten, and what trusts it would take nothing else from it anyway.
 */
export async function makeBoundedCertificate(names: readonly string[], now: Date) {
  const authority = await makeAuthority(now, { days: serverDays, names });
  const { certificate, key } = await makeServerPair(authority, names, now);
  return { authority: authority.certificate, certificate, key };
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
  const parsed = parsedFrom(certificateFile, () => new X509Certificate(certificate));
  const parsedKey = parsedFrom(keyFile, () => createPrivateKey(key));
  // Keys are written first: after an interruption the two may not belong together.
  return parsed.checkPrivateKey(parsedKey) ? { certificate, key } : undefined;
}

function parsedFrom<T>(file: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    const remedy = "restore it from a backup, or delete it and have clients trust the new authority that is made then";
    throw new Error(`${file} is damaged: ${remedy}`, { cause });
  }
}

async function keepPair({ certificateFile, keyFile }: PairFiles, pair: Pair): Promise<Pair> {
  await writeFileAtomically(keyFile, pair.key);
  await writeFileAtomically(certificateFile, pair.certificate, 0o644);
  return pair;
}

function isExpiring({ certificate }: Pair, now: Date): boolean {
  return now.getTime() >= new Date(new X509Certificate(certificate).validTo).getTime() - renewalDays * day;
}

/** Not asked of the authority: a clock that is behind for once must not cost the clients' trust. */
function hasBegun({ certificate }: Pair, now: Date): boolean {
  return new Date(new X509Certificate(certificate).validFrom) <= now;
}

function isFrom(authority: Pair, { certificate }: Pair): boolean {
  return new X509Certificate(certificate).verify(new X509Certificate(authority.certificate).publicKey);
}

function isFor(names: readonly string[], { certificate }: Pair): boolean {
  const parsed = new X509Certificate(certificate);
  const found = new Set((parsed.subjectAltName ?? "").split(", "));
  return names.every((name) => (isIP(name) ? parsed.checkIP(name) !== undefined : found.has(`DNS:${name}`)));
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

interface Bounds {
  readonly days: number;
  /** The only names for which certificates of the authority count. */
  readonly names?: readonly string[];
}

async function makeAuthority(now: Date, { days, names }: Bounds = { days: authorityDays }): Promise<Pair> {
  const x509 = await loadX509();
  const { keys, key } = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: newSerialNumber(),
      // Each authority has a name of its own, so that a client that trusts several does not confuse them.
      name: `CN=Kyanite ${names ? "redirect" : "local"} authority ${randomBytes(4).toString("hex")}`,
      ...validity(now, days),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        ...(names ? [new x509.Extension("2.5.29.30", true, nameConstraints(names))] : []),
      ],
    },
    webcrypto,
  );
  return { certificate: `${certificate.toString("pem")}\n`, key };
}

/** These names are permitted, and no address is (RFC 5280, section 4.2.1.10). */
function nameConstraints(names: readonly string[]): Buffer {
  const subtree = (tag: number, base: Buffer) => sequence(der(tag, base));
  const permitted = names.map((name) => subtree(0x82, Buffer.from(name)));
  const everyAddress = [8, 32].map((bytes) => subtree(0x87, Buffer.alloc(bytes)));
  return sequence(der(0xa0, ...permitted), der(0xa1, ...everyAddress));
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
