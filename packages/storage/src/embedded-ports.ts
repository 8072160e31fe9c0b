import type { CertificateFiles } from "./blob-server/certificate.ts";

/** How a storage account is reached over HTTPS. A new certificate is taken as soon as it is in its files. */
export interface StorageHttps extends CertificateFiles {
  readonly host: string;
  /** 0 is the one it had before, or else any. */
  readonly port: number;
}

/** Where the bundled storage listens. */
export interface Ports {
  readonly http: number;
  readonly https?: number;
}

/** Those it had before, or else any, one by one; a port of HTTPS that was asked for is kept to. */
export function portsToTry(earlier: Ports | undefined, https: StorageHttps | undefined): readonly Ports[] {
  const toTry = (port: number | undefined) => (port === undefined ? [0] : [port, 0]);
  const httpPorts = toTry(earlier?.http);
  if (!https) return httpPorts.map((http) => ({ http }));
  const httpsPorts = https.port === 0 ? toTry(earlier?.https) : [https.port];
  return httpPorts.flatMap((http) => httpsPorts.map((each) => ({ http, https: each })));
}

/** What the storage's log says of its ports; those of older versions wrote it in other words. */
export function readPorts(log: string | undefined): Ports | undefined {
  const [, http, https] = /listen(?:ing|s) on (?:port |\S*:)(\d+)(?: and HTTPS port (\d+))?/.exec(log ?? "") ?? [];
  if (http === undefined) return undefined;
  return { http: Number(http), ...(https !== undefined && { https: Number(https) }) };
}
