import { readFile } from "node:fs/promises";
import { rootCertificates } from "node:tls";
import { hasErrorCode, readTextIfExists, writeFileAtomically } from "@kyanite/runtime";
import { authorityBundle, authorityTrustStore } from "./endpoints.ts";
import { javaTrustStore } from "./java-trust-store.ts";

/** Where Linux distributions and macOS keep the authorities that the machine trusts, in PEM. */
const systemFiles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/**
 * Writes the authority together with those that the machine trusts, in the forms that programs read.
 * @param others to be trusted as well, in PEM
 */
export async function keepAuthorityFiles(
  authorityFile: string,
  authority: string,
  others: readonly string[] = [],
): Promise<void> {
  const own = [authority, ...others].map((each) => each.trim());
  const trusted = [...new Set([...own, ...(await systemAuthorities())])];
  await keepFile(authorityBundle(authorityFile), Buffer.from(`${trusted.join("\n")}\n`));
  await keepFile(authorityTrustStore(authorityFile), javaTrustStore(trusted));
}

/** Those that a company has given its machines are among them; Node's own where the machine has none. */
async function systemAuthorities(): Promise<readonly string[]> {
  const file = await systemAuthorityFile();
  return file === undefined ? rootCertificates : certificatesIn(await readFile(file, "utf8"));
}

/** Where the machine has the authorities that it trusts; undefined when it has none. */
export async function systemAuthorityFile(): Promise<string | undefined> {
  for (const file of systemFiles) if (certificatesIn((await readTextIfExists(file)) ?? "").length > 0) return file;
  return undefined;
}

const certificatesIn = (text: string): readonly string[] =>
  text.match(/-----BEGIN CERTIFICATE-----\r?\n[^-]+-----END CERTIFICATE-----/g) ?? [];

async function keepFile(file: string, content: Buffer): Promise<void> {
  const kept = await readFile(file).catch((error: unknown) => {
    if (hasErrorCode(error, "ENOENT")) return undefined;
    throw error;
  });
  if (!kept?.equals(content)) await writeFileAtomically(file, content, 0o644);
}
