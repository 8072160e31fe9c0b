import { join } from "node:path";
import { readTextIfExists, writeFileAtomically } from "@kyanite/runtime";

/**
 * A file of the authorities that our agents trust besides the public ones: the server's own, since tasks may be given
 * signed URLs of the bundled storage over HTTPS, and those that the server was told to trust itself.
 * @param given the server's own `NODE_EXTRA_CA_CERTS`
 */
export async function keepTrustedAuthorities(
  directory: string,
  authorityFile: string,
  given: string | undefined,
): Promise<string> {
  if (given === undefined || given === authorityFile) return authorityFile;
  const texts = [await readTextIfExists(authorityFile), await readTextIfExists(given)];
  const file = join(directory, "agents-ca.pem");
  await writeFileAtomically(file, texts.map((text) => `${text?.trimEnd() ?? ""}\n`).join(""), 0o644);
  return file;
}
