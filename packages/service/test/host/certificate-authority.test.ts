import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { createServer, request } from "node:https";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { certificateNames } from "../../src/domain/host-names.ts";
import {
  makeBoundedCertificate,
  readServerCertificate,
  type ServerCertificate,
} from "../../src/host/certificate-authority.ts";
import { authorityBundle } from "../../src/host/endpoints.ts";
import { reachOf } from "../../src/host/reach.ts";

const now = new Date("2030-01-01T00:00:00Z");
const later = (days: number) => new Date(now.getTime() + days * 86_400_000);
const namesAt = (host: string, publicUrl?: string) =>
  certificateNames(reachOf({ host, publicUrl }), [{ name: "local", location: "local" }]);
const names = namesAt("127.0.0.1");
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-test-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const serialOf = ({ certificate }: ServerCertificate) => new X509Certificate(certificate).serialNumber;

/** Status of a request that trusts `authority` and nothing else; rejects when the certificate is not accepted. */
function ask(port: number, servername: string, authority: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const trust = { ca: authority, servername, agent: false };
    request({ host: "127.0.0.1", port, ...trust }, (response) => resolve(response.resume().statusCode))
      .on("error", reject)
      .end();
  });
}

test("a client that trusts the authority accepts the server under each of its names", async () => {
  const { authorityFile, certificate, key } = await readServerCertificate({ directory, names, now: new Date() });
  const authority = await readFile(authorityFile, "utf8");
  const server = createServer({ cert: certificate, key }, (_request, response) => response.end());
  try {
    const address = await new Promise<ReturnType<typeof server.address>>((resolve) =>
      server.listen(0, "127.0.0.1", () => resolve(server.address())),
    );
    const port = typeof address === "object" && address ? address.port : 0;
    for (const name of ["localhost", "local.localhost", "local.eastus.localhost", "kyanite.blob.localhost"])
      expect(await ask(port, name, authority)).toBe(200);
    await expect(ask(port, "example.com", authority)).rejects.toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

test("the strictest check of OpenSSL passes, and private keys are private", async () => {
  const { authorityFile } = await readServerCertificate({ directory, names, now: new Date() });
  const args = ["verify", "-x509_strict", "-purpose", "sslserver", "-verify_ip", "::1"];
  const file = join(directory, "server.pem");
  for (const trusted of [authorityFile, authorityBundle(authorityFile)])
    expect(execFileSync("openssl", [...args, "-CAfile", trusted, file], { encoding: "utf8" })).toBe(`${file}: OK\n`);
  for (const key of ["ca.key", "server.key"]) expect((await stat(join(directory, key))).mode & 0o777).toBe(0o600);
});

test("a good certificate is kept; it is renewed a month before its end, by the same authority", async () => {
  const first = await readServerCertificate({ directory, names, now });
  const authority = await readFile(first.authorityFile, "utf8");
  expect(await readServerCertificate({ directory, names, now: later(300) })).toEqual(first);
  const renewed = await readServerCertificate({ directory, names, now: later(340) });
  expect(serialOf(renewed)).not.toBe(serialOf(first));
  expect(await readFile(first.authorityFile, "utf8")).toBe(authority);
});

test("other names need another certificate", async () => {
  const first = await readServerCertificate({ directory, names, now });
  const second = await readServerCertificate({ directory, names: namesAt("192.0.2.7"), now });
  expect(new X509Certificate(second.certificate).checkIP("192.0.2.7")).toBe("192.0.2.7");
  expect(new X509Certificate(first.certificate).checkIP("192.0.2.7")).toBeUndefined();
});

test("a name that is not needed any more costs no new certificate", async () => {
  const first = await readServerCertificate({ directory, names: namesAt("192.0.2.7"), now });
  expect(await readServerCertificate({ directory, names, now })).toEqual(first);
});

test("it is good for the name and the address that settings give the server", async () => {
  const named = await readServerCertificate({
    directory,
    names: namesAt("Batch.Lab.Example", "https://batch.example.org:8443"),
    now,
  });
  const certificate = new X509Certificate(named.certificate);
  for (const name of ["batch.lab.example", "local.batch.lab.example", "local.eastus.batch.example.org"])
    expect(certificate.checkHost(name)).toBeDefined();
  const anywhere = await readServerCertificate({ directory, names: namesAt("0.0.0.0"), now });
  expect(new X509Certificate(anywhere.certificate).checkHost(hostname().toLowerCase())).toBeDefined();
});

test("a new authority signs a new certificate", async () => {
  const first = await readServerCertificate({ directory, names, now });
  await rm(join(directory, "ca.key"));
  const second = await readServerCertificate({ directory, names, now });
  const authority = new X509Certificate(await readFile(second.authorityFile));
  expect(new X509Certificate(second.certificate).verify(authority.publicKey)).toBe(true);
  expect(new X509Certificate(first.certificate).verify(authority.publicKey)).toBe(false);
});

test("a damaged certificate of the server is made anew, by the same authority", async () => {
  const first = await readServerCertificate({ directory, names, now });
  for (const name of ["server.pem", "server.key"]) {
    await truncate(join(directory, name), 50);
    const second = await readServerCertificate({ directory, names, now });
    const authority = new X509Certificate(await readFile(first.authorityFile));
    expect(new X509Certificate(second.certificate).verify(authority.publicKey)).toBe(true);
  }
});

test("a damaged authority is not replaced", async () => {
  await readServerCertificate({ directory, names, now });
  for (const name of ["ca.pem", "ca.key"]) {
    const file = join(directory, name);
    const text = await readFile(file, "utf8");
    await truncate(file, 0);
    await expect(readServerCertificate({ directory, names, now })).rejects.toThrow(`${file} is damaged: restore it`);
    await writeFile(file, text);
  }
});

test("an authority is kept by a server whose clock is behind", async () => {
  const first = await readServerCertificate({ directory, names, now });
  const authority = await readFile(first.authorityFile, "utf8");
  await readServerCertificate({ directory, names, now: later(-400) });
  expect(await readFile(first.authorityFile, "utf8")).toBe(authority);
});

test("an authority for certain names is good for these names alone, and for no address", async () => {
  const names = ["login.example", "a.b.example"];
  const { authority, certificate } = await makeBoundedCertificate(names, new Date());
  const [authorityFile, file] = [join(directory, "authority.pem"), join(directory, "leaf.pem")];
  await writeFile(authorityFile, authority);
  await writeFile(file, certificate);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { encoding: "utf8" });
  for (const name of names)
    expect(openssl("verify", "-x509_strict", "-verify_hostname", name, "-CAfile", authorityFile, file)).toContain("OK");
  const text = openssl("x509", "-in", authorityFile, "-noout", "-ext", "nameConstraints").replace(/\s+/g, " ");
  expect(text).toContain(
    "Name Constraints: critical Permitted: DNS:login.example DNS:a.b.example Excluded: IP:0.0.0.0/0",
  );
});
