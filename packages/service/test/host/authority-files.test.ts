import { execFile, execFileSync, spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readServerCertificate, type ServerCertificate } from "../../src/host/certificate-authority.ts";
import { authorityBundle, authorityTrustStore } from "../../src/host/endpoints.ts";
import { keepTrustedAuthorities } from "../../src/host/trusted-authorities.ts";

const run = promisify(execFile);
const hasJava = spawnSync("java", ["-version"]).status === 0;
if (!hasJava) console.warn("Java's trust store is not tested: there is no Java");

let directory: string;
let files: ServerCertificate;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-test-"));
  files = await readServerCertificate({ directory, names: ["localhost", "127.0.0.1"], now: new Date() });
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test("the bundle has our authority first, and then others that can all be read", async () => {
  const bundle = await readFile(authorityBundle(files.authorityFile), "utf8");
  const certificates = bundle.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? [];
  expect(certificates.length).toBeGreaterThan(50);
  expect(new X509Certificate(certificates[0] ?? "").subject).toMatch(/^CN=Kyanite local authority/);
  for (const each of certificates) expect(new X509Certificate(each).ca).toBe(true);
});

const javaClient = `
import java.net.URI;
import java.security.KeyStore;
import javax.net.ssl.*;
class Ask {
  public static void main(String[] args) throws Exception {
    TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init((KeyStore) null);
    System.out.println(((X509TrustManager) factory.getTrustManagers()[0]).getAcceptedIssuers().length);
    System.out.println(((HttpsURLConnection) URI.create(args[0]).toURL().openConnection()).getResponseCode());
  }
}`;

describe.skipIf(!hasJava)("Java", () => {
  test("trusts all that the bundle has, and so the server", async () => {
    const { certificate, key, authorityFile } = files;
    const server = createServer({ cert: certificate, key }, (_request, response) => response.end());
    try {
      const address = await new Promise<ReturnType<typeof server.address>>((resolve) =>
        server.listen(0, "127.0.0.1", () => resolve(server.address())),
      );
      const port = typeof address === "object" && address ? address.port : 0;
      await writeFile(join(directory, "Ask.java"), javaClient);
      const options = `-Djavax.net.ssl.trustStore=${authorityTrustStore(authorityFile)} -Djavax.net.ssl.trustStoreType=PKCS12`;
      const env = { ...process.env, JAVA_TOOL_OPTIONS: options };
      const { stdout } = await run("java", [join(directory, "Ask.java"), `https://localhost:${port}/`], { env });
      const bundle = await readFile(authorityBundle(authorityFile), "utf8");
      expect(stdout).toBe(`${bundle.split("-----BEGIN").length - 1}\n200\n`);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

test("OpenSSL reads Java's trust store, too", () => {
  const store = authorityTrustStore(files.authorityFile);
  const text = execFileSync("openssl", ["pkcs12", "-in", store, "-nokeys", "-nomacver", "-passin", "pass:"], {
    encoding: "utf8",
  });
  expect(text).toContain("Kyanite local authority");
});

test("agents trust our authority and what the server was told to trust", async () => {
  const { authorityFile } = files;
  expect(await keepTrustedAuthorities(directory, authorityFile, undefined)).toBe(authorityFile);
  expect(await keepTrustedAuthorities(directory, authorityFile, authorityFile)).toBe(authorityFile);
  const both = await keepTrustedAuthorities(directory, authorityFile, files.certificateFile);
  const texts = [await readFile(authorityFile, "utf8"), await readFile(files.certificateFile, "utf8")];
  expect(await readFile(both, "utf8")).toBe(texts.join(""));
  const missing = await keepTrustedAuthorities(directory, authorityFile, join(directory, "none"));
  expect(await readFile(missing, "utf8")).toContain(texts[0]);
});
