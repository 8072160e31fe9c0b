import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { Agent } from "node:https";
import { createServer, type LookupFunction } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import {
  BlobServiceClient,
  generateBlobSASQueryParameters,
  newPipeline,
  SASProtocol,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import { createLog, systemClock, waitUntil } from "@kyanite/runtime";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type EmbeddedStorage, startEmbeddedStorage } from "../src/embedded.ts";

let directory: string;
const started: EmbeddedStorage[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-test-"));
  makeCertificate("server");
});
afterEach(async () => {
  for (const storage of started.splice(0)) await storage.stop();
  await rm(directory, { recursive: true, force: true });
});

const certificateFile = (name: string) => join(directory, `${name}.pem`);
const keyFile = (name: string) => join(directory, `${name}.key`);

function makeCertificate(name: string): void {
  const names = "subjectAltName=DNS:*.blob.localhost,DNS:*.blob.core.localhost,DNS:storage.example,IP:127.0.0.1";
  const args = [
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    "-subj",
    `/CN=${name}`,
    "-addext",
    names,
  ];
  execFileSync("openssl", [...args, "-keyout", keyFile(name), "-out", certificateFile(name)], { stdio: "ignore" });
}

async function start(port = 0): Promise<EmbeddedStorage & { httpsPort: number }> {
  const files = { certificateFile: certificateFile("server"), keyFile: keyFile("server") };
  const storage = await startEmbeddedStorage({
    directory: join(directory, "storage"),
    https: { host: "127.0.0.1", port, ...files },
    environment: {},
    clock: systemClock,
    log: createLog("silent"),
  });
  started.push(storage);
  if (storage.httpsPort === undefined) throw new Error("it does not answer over HTTPS");
  return Object.assign(storage, { httpsPort: storage.httpsPort });
}

/** Not every machine resolves names below localhost, and nobody those of `example`. */
const lookup: LookupFunction = (_name, options, callback) =>
  options.all ? callback(null, [{ address: "127.0.0.1", family: 4 }]) : callback(null, "127.0.0.1", 4);

/** The official client, as a program uses it that has a name, a key and a certificate authority. */
async function officialClient({ account }: EmbeddedStorage, url: string) {
  const credential = new StorageSharedKeyCredential(account.accountName, account.accountKey ?? "");
  const agent = new Agent({ ca: await readFile(certificateFile("server")), lookup });
  const pipeline = newPipeline(credential);
  pipeline.factories.unshift({
    create: (next) => ({ sendRequest: (request) => next.sendRequest(Object.assign(request, { agent })) }),
  });
  return { client: new BlobServiceClient(url, pipeline), credential };
}

describe("the embedded storage account over HTTPS", () => {
  test.each([
    ["its name in the host", (port: number) => `https://kyanite.blob.localhost:${port}`],
    ["its name in the host, as the cloud has it", (port: number) => `https://kyanite.blob.core.localhost:${port}`],
    ["its name in the path", (port: number) => `https://127.0.0.1:${port}/kyanite`],
    ["a machine's name, and its own in the path", (port: number) => `https://storage.example:${port}/kyanite`],
  ])("serves the official client under %s, by key and by signed URL", async (_how, urlAt) => {
    const storage = await start();
    const { client, credential } = await officialClient(storage, urlAt(storage.httpsPort));
    const container = client.getContainerClient("files");
    await container.create();
    const blob = container.getBlockBlobClient("a b/ü+c.txt");
    await blob.upload("hello", 5);
    const names: string[] = [];
    for await (const { name } of container.listBlobsFlat({ prefix: "a b/" })) names.push(name);
    expect(names).toEqual(["a b/ü+c.txt"]);
    const copy = container.getBlobClient("copy");
    await copy.syncCopyFromURL(blob.url);
    const signature = generateBlobSASQueryParameters(
      {
        containerName: "files",
        blobName: "copy",
        permissions: { toString: () => "r" } as never,
        protocol: SASProtocol.Https,
        expiresOn: new Date(systemClock.now().getTime() + 3_600_000),
      },
      credential,
    );
    await container.getBlobClient("copy of the copy").syncCopyFromURL(`${copy.url}?${signature}`);
    const { client: bySignature } = await officialClient(storage, `${urlAt(storage.httpsPort)}?${signature}`);
    const signed = bySignature.getContainerClient("files").getBlobClient("copy");
    expect((await signed.downloadToBuffer()).toString()).toBe("hello");
  });

  test("has the ports it had before, and others when its settings change", async () => {
    const first = await start();
    expect(await start()).toMatchObject({ process: first.process, httpsPort: first.httpsPort, isAdopted: true });
    await first.stop();
    const second = await start();
    expect(second).toMatchObject({ httpsPort: first.httpsPort, account: first.account, isAdopted: false });
    await second.stop();
    const third = await start(first.httpsPort);
    await third.stop();
    await third.restart();
    expect(third).toMatchObject({ httpsPort: first.httpsPort, account: first.account });
  });

  test("does not start where somebody has the port that it was asked to take, and says so", async () => {
    const stranger = createServer().listen(0, "127.0.0.1");
    await once(stranger, "listening");
    const address = stranger.address();
    const port = typeof address === "object" && address ? address.port : 0;
    try {
      await expect(start(port)).rejects.toThrow(/the port is in use\..*--storage-https-port/);
    } finally {
      stranger.close();
    }
  });

  test("takes a new certificate as soon as it is there, without a restart", async () => {
    const { httpsPort } = await start();
    const subject = () =>
      new Promise<unknown>((resolve, reject) => {
        const socket = connect({ host: "127.0.0.1", port: httpsPort, rejectUnauthorized: false }, () => {
          resolve(socket.getPeerCertificate().subject.CN);
          socket.destroy();
        }).on("error", reject);
      });
    expect(await subject()).toBe("server");
    makeCertificate("renewed");
    await rename(keyFile("renewed"), keyFile("server"));
    await rename(certificateFile("renewed"), certificateFile("server"));
    const isRenewed = async () => (await subject()) === "renewed";
    expect(await waitUntil(isRenewed, { clock: systemClock, timeoutMilliseconds: 30_000 })).toBe(true);
  });
});
