import { execFileSync, spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { variablesFor } from "./env.ts";
import { exportsFor } from "./shells.ts";

const caCertificate = '/tmp/a b/it\'s 100% $(id) `id` \\ "x"\n/ca.pem';
const endpoints = {
  account: "local",
  accountKey: "a+/==",
  batchUrl: "http://127.0.0.1:1",
  batchHttpsUrl: "https://localhost:2",
  armUrl: "https://localhost:2",
  caCertificate,
  storageAccount: "kyanite",
  storageConnectionString: "AccountName=kyanite;AccountKey=x==;BlobEndpoint=http://127.0.0.1:3/kyanite;",
  blobEndpoint: "http://127.0.0.1:3/kyanite",
  blobHttpsEndpoint: "https://localhost:4/kyanite",
  explorerUrl: "http://127.0.0.1:1",
  pid: 1,
  version: "0",
};

test.each([
  ["sh", "/bin/sh"],
  ["fish", "fish"],
])("%s reads back exactly what was exported", (name, shell) => {
  if (spawnSync(shell, ["-c", "true"]).error) return console.warn(`not tested: there is no ${shell}`);
  const text = exportsFor(name)(variablesFor(endpoints));
  const print = 'printf "%s|%s|%s" "$AZURE_BATCH_ENDPOINT" "$AZURE_BATCH_ACCESS_KEY" "$NODE_EXTRA_CA_CERTS"';
  const printed = execFileSync(shell, ["-c", `${text}${print}`], { encoding: "utf8" });
  expect(printed).toBe(`https://localhost:2|a+/==|${caCertificate}`);
});

test("each shell has its own quotes, and a shell that is not known is refused", () => {
  const variables = { A: `it's \\ 100%` };
  expect(exportsFor("fish")(variables)).toBe("set -gx A 'it\\'s \\\\ 100%'\n");
  expect(exportsFor("powershell")(variables)).toBe("$env:A = 'it''s \\ 100%'\n");
  expect(exportsFor("cmd")(variables)).toBe('set "A=it\'s \\ 100%%"\n');
  for (const name of ["tcsh", "toString"]) expect(() => exportsFor(name)).toThrow("choose one of sh, fish, powershell");
});

test("storage is named in all the ways that programs read, without a key where there is none", () => {
  expect(variablesFor(endpoints)).toMatchObject({
    AZURE_STORAGE_ACCOUNT: "kyanite",
    AZURE_STORAGE_KEY: "x==",
    AZURE_STORAGE_BLOB_ENDPOINT: "http://127.0.0.1:3/kyanite",
    AZURE_STORAGE_CONNECTION_STRING: endpoints.storageConnectionString,
  });
  const withSas = {
    ...endpoints,
    storageConnectionString: "BlobEndpoint=https://x.example;SharedAccessSignature=sig=1",
  };
  expect(variablesFor(withSas)).not.toHaveProperty("AZURE_STORAGE_KEY");
});

test("curl trusts the authority also where a machine has named another bundle for it", () => {
  const { CURL_CA_BUNDLE, SSL_CERT_FILE } = variablesFor({ ...endpoints, caCertificate: "/home/me/ca.pem" });
  expect(CURL_CA_BUNDLE).toBe("/home/me/ca-bundle.pem");
  expect(CURL_CA_BUNDLE).toBe(SSL_CERT_FILE);
});

test("options of Java that are set already stay, and the trust store is named once", () => {
  const atHome = { ...endpoints, caCertificate: "/home/me/ca.pem" };
  const store = "-Djavax.net.ssl.trustStore=/home/me/ca-bundle.p12 -Djavax.net.ssl.trustStoreType=PKCS12";
  const first = variablesFor(atHome, "-Xmx1g '-Da=b c'").JAVA_TOOL_OPTIONS;
  expect(first).toBe(`-Xmx1g '-Da=b c' ${store}`);
  expect(variablesFor(atHome, first).JAVA_TOOL_OPTIONS).toBe(first);
  const withBlank = variablesFor({ ...endpoints, caCertificate: "/a b/ca.pem" }, first).JAVA_TOOL_OPTIONS;
  expect(withBlank).toContain('"-Djavax.net.ssl.trustStore=/a b/ca-bundle.p12"');
  expect(variablesFor(atHome, withBlank).JAVA_TOOL_OPTIONS).toBe(first);
});
