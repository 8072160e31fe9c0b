import { unwatchFile, watchFile } from "node:fs";
import { readFile } from "node:fs/promises";
import { globalAgent as httpAgent } from "node:http";
import { globalAgent as httpsAgent, type Server } from "node:https";
import { isIP, type LookupFunction } from "node:net";

/** Where a server's certificate and its private key are, in PEM. */
export interface CertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

const lookMilliseconds = 1_000;

/**
 * Gives a server the certificate that the files hold, now and whenever they change.
 * @returns what stops it
 */
export async function followCertificate(server: Server, files: CertificateFiles): Promise<() => void> {
  const use = async () => {
    const [cert, key] = await Promise.all([readFile(files.certificateFile), readFile(files.keyFile)]);
    server.setSecureContext({ cert, key });
    reachOurselves(server, cert);
  };
  await use();
  // The key is written before the certificate; of a pair that does not belong together the server keeps the former one.
  const onChange = () => void use().catch((cause: unknown) => console.error("certificate not taken", cause));
  watchFile(files.certificateFile, { interval: lookMilliseconds, persistent: false }, onChange);
  return () => unwatchFile(files.certificateFile, onChange);
}

/**
 * When a client copies a blob from a signed URL of this account, Azurite asks the URL itself whether it may. It is the
 * only address that this process ever asks, and its name need not be known on this machine, nor the authority.
 */
function reachOurselves(server: Server, certificate: Buffer): void {
  const lookupFor = (address: () => string): LookupFunction => {
    return (_name, { all }, callback) =>
      all
        ? callback(null, [{ address: address(), family: isIP(address()) }])
        : callback(null, address(), isIP(address()));
  };
  const httpsAddress = () => {
    const bound = server.address();
    const address = typeof bound === "object" && bound ? bound.address : "";
    return ["", "0.0.0.0", "::"].includes(address) ? "127.0.0.1" : address;
  };
  Object.assign(Reflect.get(httpAgent, "options"), { lookup: lookupFor(() => "127.0.0.1") });
  Object.assign(httpsAgent.options, {
    lookup: lookupFor(httpsAddress),
    ca: certificate,
    allowPartialTrustChain: true,
  });
}
