import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, open, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, createLog, systemClock } from "@kyanite/runtime";
import { freePorts } from "@kyanite/testkit";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  blobUrl,
  createContainer,
  downloadFile,
  type EmbeddedStorage,
  listBlobs,
  signUrl,
  startEmbeddedStorage,
  type TransferOptions,
  type Upload,
  uploadFile,
} from "../src/index.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-test-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const clean: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of clean.splice(0)) await step();
});

/** Pauses take no time. */
const clock: Clock = { ...systemClock, sleep: () => Promise.resolve() };
const options = { clock, signal: new AbortController().signal, patienceMilliseconds: 0 };

async function download(url: string, path: string, how: TransferOptions): Promise<void> {
  await using file = await open(path, "w");
  await downloadFile(url, file, how);
}

async function upload({ file, ...where }: { file: string } & Omit<Upload, "fd">): Promise<void> {
  await using opened = await open(file);
  await uploadFile({ fd: opened.fd, ...where }, options);
}

async function serve(listener: RequestListener, host = "127.0.0.1"): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  clean.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  return `http://${host}:${typeof address === "object" ? address?.port : 0}`;
}

describe("a download", () => {
  const content = randomBytes(300_000);

  test("that breaks is resumed where it broke", async () => {
    const ranges: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      const { range } = request.headers;
      ranges.push(range);
      const start = Number(/bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0);
      const headers = { etag: '"one"', "content-length": content.length - start };
      response.writeHead(range ? 206 : 200, headers);
      if (ranges.length === 3) return response.end(content.subarray(start));
      return response.write(content.subarray(start, start + 100_000), () => setImmediate(() => response.destroy()));
    });
    await download(`${url}/a`, join(directory, "resumed"), options);
    expect(await readFile(join(directory, "resumed"))).toEqual(content);
    expect(ranges.length).toBe(3);
    expect(ranges[0]).toBeUndefined();
    expect(ranges[2]).toMatch(/^bytes=[1-9]/);
  });

  test("may break as often as it likes, while each time more of it comes", async () => {
    let count = 0;
    const url = await serve((request, response) => {
      count += 1;
      const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
      const end = start + 30_000;
      response.writeHead(start > 0 ? 206 : 200, { etag: '"one"', "content-length": content.length - start });
      if (end >= content.length) return response.end(content.subarray(start));
      return response.write(content.subarray(start, end), () => setImmediate(() => response.destroy()));
    });
    await download(`${url}/a`, join(directory, "often"), options);
    expect(await readFile(join(directory, "often"))).toEqual(content);
    expect(count).toBeGreaterThanOrEqual(10);
  });

  test("that breaks and cannot be resumed is given up after its tries", async () => {
    let count = 0;
    const url = await serve((_request, response) => {
      count += 1;
      response.writeHead(200, { "content-length": content.length });
      return response.write(content.subarray(0, 30_000), () => setImmediate(() => response.destroy()));
    });
    await expect(download(`${url}/a`, join(directory, "given-up"), options)).rejects.toThrow("aborted");
    expect(count).toBeLessThan(10);
  });

  test("whose blob changes in between starts again", async () => {
    let count = 0;
    const url = await serve((request, response) => {
      count += 1;
      if (request.headers["if-match"] === '"old"') return response.writeHead(412).end();
      if (count > 1) return response.writeHead(200, { etag: '"new"' }).end("new");
      response.writeHead(200, { etag: '"old"', "content-length": 1000 });
      return response.write("old", () => setImmediate(() => response.destroy()));
    });
    await download(`${url}/a`, join(directory, "changed"), options);
    expect(await readFile(join(directory, "changed"), "utf8")).toBe("new");
  });

  test("that does not have its MD5 is tried again, and fails in the end", async () => {
    let count = 0;
    const md5 = createHash("md5").update("right").digest("base64");
    const url = await serve((_, response) => {
      count += 1;
      response.writeHead(200, { "content-md5": md5, etag: '"x"' }).end(count === 2 ? "right" : "wrong");
    });
    await download(`${url}/a`, join(directory, "md5"), options);
    expect(await readFile(join(directory, "md5"), "utf8")).toBe("right");
    const failing = download(`${url}/a?sig=secret`, join(directory, "md5"), { ...options, tries: 2 });
    await expect(failing).rejects.toMatchObject({ problem: "failed", message: `${url}/a does not have its MD5` });
  });

  test.each([
    [404, "notFound", 1],
    [401, "accessDenied", 1],
    [403, "accessDenied", 1],
    [400, "failed", 1],
    [503, "failed", 5],
    [504, "timedOut", 5],
  ])("answered %d is %s after %d tries", async (status, problem, tries) => {
    let count = 0;
    const url = await serve((_, response) => {
      count += 1;
      response.writeHead(status).end("no");
    });
    const failing = download(`${url}/a?sig=secret`, join(directory, "failed"), options);
    const error = await failing.catch((cause: unknown) => cause);
    expect(error).toMatchObject({ problem });
    expect(String(error)).not.toContain("secret");
    expect(count).toBe(tries);
  });

  test("from a silent server times out", async () => {
    const url = await serve(() => undefined);
    const failing = download(`${url}/a`, join(directory, "silent"), { ...options, tries: 2, idleMilliseconds: 50 });
    await expect(failing).rejects.toMatchObject({ problem: "timedOut" });
  });

  test("from a server that is not there fails after its tries", async () => {
    const failing = download("http://127.0.0.1:1/a", join(directory, "nobody"), options);
    await expect(failing).rejects.toMatchObject({ problem: "failed", isTransient: true });
  });

  test("from a server that is being started waits for it, however many tries that takes", async () => {
    const [port = 0] = await freePorts(1);
    const server = createServer((_, response) => response.end("here"));
    clean.push(async () => server.close());
    let pauses = 0;
    const sleep = async () => {
      pauses += 1;
      if (pauses === 20) await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    };
    const patient = { ...options, clock: { ...clock, sleep }, patienceMilliseconds: 60_000 };
    await download(`http://127.0.0.1:${port}/a`, join(directory, "patient"), patient);
    expect(await readFile(join(directory, "patient"), "utf8")).toBe("here");
  });

  test("from what is no web address fails at once, and does not repeat it", async () => {
    for (const url of ["sig=secret", "ftp://h/a?sig=secret"]) {
      const error = await download(url, join(directory, "odd"), options).catch((cause: unknown) => cause);
      expect(error).toMatchObject({ problem: "failed", isTransient: false, message: "The URL is not a web address" });
    }
  });

  test("follows redirects and finds names below localhost", async () => {
    const url = await serve((request, response) => {
      if (request.url === "/a") response.writeHead(302, { location: "/b" }).end();
      else response.end(request.headers.host);
    }, "account.blob.localhost");
    await download(`${url}/a`, join(directory, "redirected"), options);
    expect(await readFile(join(directory, "redirected"), "utf8")).toMatch(/^account\.blob\.localhost:/);
  });

  test("ends when its signal aborts", async () => {
    const controller = new AbortController();
    const url = await serve(() => controller.abort(new Error("enough")));
    const failing = download(`${url}/a`, join(directory, "aborted"), { clock, signal: controller.signal });
    await expect(failing).rejects.toThrow("enough");
  });
});

describe("on a real Blob service", () => {
  let storage: EmbeddedStorage;
  let containerUrl: string;
  beforeAll(async () => {
    const place = join(directory, "storage");
    storage = await startEmbeddedStorage({
      directory: place,
      environment: {},
      clock: systemClock,
      log: createLog("silent"),
    });
    await createContainer(storage.account, "files");
    const expiresOn = new Date(systemClock.now().getTime() + 3_600_000);
    containerUrl = await signUrl(storage.account, { container: "files", permissions: "racwl", expiresOn });
  });
  afterAll(() => storage.stop());

  test("files of any size go there and come back, with their headers", async () => {
    const names = ["empty", "d/small ü&.txt", "d/large.bin"];
    const sizes = [0, 10, 20 * 1024 * 1024 + 7];
    for (const [index, blobName] of names.entries()) {
      const file = join(directory, "up");
      await writeFile(file, randomBytes(sizes[index] ?? 0));
      const headers = { "x-ms-blob-content-type": "text/x-test" };
      await upload({ file, containerUrl, blobName, headers });
      await download(blobUrl(containerUrl, blobName), join(directory, "down"), options);
      expect((await readFile(join(directory, "down"))).equals(await readFile(file))).toBe(true);
      const head = await fetch(blobUrl(containerUrl, blobName), { method: "HEAD" });
      expect(head.headers.get("content-type")).toBe("text/x-test");
    }
    expect(await collect(listBlobs(containerUrl, "d/", options))).toEqual([
      { name: "d/large.bin", isDirectory: false },
      { name: "d/small ü&.txt", isDirectory: false },
    ]);
  });

  test("empty blobs that mark a directory are told from others", async () => {
    const file = join(directory, "empty");
    await writeFile(file, "");
    const folder = { "x-ms-meta-hdi_isfolder": "true" };
    await upload({ file, containerUrl, blobName: "m/marked", headers: folder });
    await upload({ file, containerUrl, blobName: "m/plain", headers: {} });
    await upload({ file, containerUrl, blobName: "m/slash/", headers: {} });
    await writeFile(file, "not empty");
    await upload({ file, containerUrl, blobName: "m/full", headers: folder });
    expect(await collect(listBlobs(containerUrl, "m/", options))).toEqual([
      { name: "m/full", isDirectory: false },
      { name: "m/marked", isDirectory: true },
      { name: "m/plain", isDirectory: false },
      { name: "m/slash/", isDirectory: true },
    ]);
  });

  test("a file that gets shorter meanwhile is an error at once", async () => {
    const file = join(directory, "shrinking");
    await writeFile(file, randomBytes(9_000_000));
    let count = 0;
    const url = await serve(async (request, response) => {
      count += 1;
      for await (const _ of request);
      await truncate(file, 1000);
      response.writeHead(201).end();
    });
    const uploading = upload({ file, containerUrl: `${url}/container`, blobName: "shrinking" });
    await expect(uploading).rejects.toThrow(/shrinking has become shorter/);
    expect(count).toBe(1);
  });

  test("a missing container and a wrong signature are told apart", async () => {
    const file = join(directory, "up");
    await writeFile(file, "x");
    const expiresOn = new Date(systemClock.now().getTime() + 3_600_000);
    const other = await signUrl(storage.account, { container: "none", permissions: "racwl", expiresOn });
    await expect(upload({ file, containerUrl: other, blobName: "b" })).rejects.toMatchObject({
      problem: "notFound",
    });
    const wrong = containerUrl.replace(/sig=[^&]*/, "sig=AAAA");
    await expect(upload({ file, containerUrl: wrong, blobName: "b" })).rejects.toMatchObject({
      problem: "accessDenied",
    });
  });
});

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}
