import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { formatExports } from "./env.ts";

test("a shell reads back exactly what was exported", () => {
  const caCertificate = '/tmp/a b/it\'s $(id) `id` \\ "x"\n/ca.pem';
  const text = formatExports({
    account: "local",
    accountKey: "a+/==",
    batchUrl: "http://127.0.0.1:1",
    batchHttpsUrl: "https://localhost:2",
    armUrl: "https://localhost:2",
    caCertificate,
    storageAccount: "kyanite",
    storageConnectionString: "AccountName=kyanite;AccountKey=x==;BlobEndpoint=http://127.0.0.1:3/kyanite;",
    blobEndpoint: "http://127.0.0.1:3/kyanite",
    explorerUrl: "http://127.0.0.1:1",
    pid: 1,
    version: "0",
  });
  const print = 'printf "%s|%s|%s" "$AZURE_BATCH_ENDPOINT" "$AZURE_BATCH_ACCESS_KEY" "$NODE_EXTRA_CA_CERTS"';
  const printed = execFileSync("/bin/sh", ["-c", `${text}${print}`], { encoding: "utf8" });
  expect(printed).toBe(`https://localhost:2|a+/==|${caCertificate}`);
});
