import { linkSync, readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, open, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Directory, readPart, removeTree, systemClock } from "@kyanite/runtime";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { listFiles } from "../src/file-list.ts";
import { postFilesReply } from "../src/files-answer.ts";
import { NameReader } from "../src/task-files/names.ts";
import { startAgentProcess } from "./agent-process.ts";
import { aRun, shell, startNode, type TestNode } from "./fake-service.ts";

const always = "taskcompletion" as const;

describe("a task that puts pipes where the agent writes", () => {
  let agent: Awaited<ReturnType<typeof startAgentProcess>>;
  beforeAll(async () => {
    agent = await startAgentProcess();
    await agent.service.hello();
  });
  afterAll(() => agent[Symbol.asyncDispose]());

  test("in place of its output fails its next try, and holds nothing up", async () => {
    const { directory } = aRun();
    await agent.service.exit({ directory, commandLine: shell("rm ../stdout.txt; mkfifo ../stdout.txt; exit 1") });
    expect(await agent.service.exit({ directory, keepsDirectory: true })).toMatchObject({
      kind: "failed",
      failure: { category: "UserError", code: "CommandLaunchFailed" },
    });
    expect(await agent.service.exit({})).toMatchObject({ kind: "exited", exitCode: 0 });
  });

  test("in place of the log of its uploads fails them, however many do it", async () => {
    const uploads = [{ filePattern: "*", containerUrl: `${agent.service.url}/none`, uploadCondition: always }];
    const orders = Array.from({ length: 6 }, () => aRun({ commandLine: "mkfifo ../fileuploadout.txt", uploads }));
    for (const order of orders) agent.service.order({ type: "run", order });
    for (const { runId } of orders)
      expect((await agent.service.finished(runId)).exit).toMatchObject({
        exitCode: 0,
        uploadFailure: { category: "UserError", code: "FileUploadMiscError" },
      });
    const listed = await agent.service.files({ operation: "list", path: "", recursive: true });
    expect(listed.answer).toEqual({ outcome: "ok" });
  });

  test("among its output files gets the others uploaded", async () => {
    const bodies: string[] = [];
    agent.service.routes.set("/out/", (request, response) => {
      request.on("data", (chunk) => bodies.push(String(chunk))).on("end", () => response.writeHead(201).end());
    });
    const uploads = [{ filePattern: "*", containerUrl: `${agent.service.url}/out`, uploadCondition: always }];
    const exit = await agent.service.exit({ commandLine: shell("mkfifo pipe; echo plain > plain"), uploads });
    expect([exit, bodies]).toMatchObject([{ kind: "exited", exitCode: 0 }, ["plain\n"]]);
  });
});

describe("what lies outside the node", () => {
  let node: TestNode;
  let secret: string;
  beforeAll(async () => {
    node = await startNode();
  });
  afterAll(() => node[Symbol.asyncDispose]());
  beforeEach(async () => {
    secret = join(node.directory, "secret");
    await writeFile(secret, "secret", { mode: 0o600 });
    await chmod(node.directory, 0o700);
  });

  test("is not read, written or uploaded through a hard link where everybody may put one", async () => {
    linkSync(secret, join(node.root, "shared/linked"));
    expect((await node.service.files({ operation: "read", path: "shared/linked" })).answer).toMatchObject({
      code: "OperationInvalidForCurrentState",
    });
    const uploads = [{ filePattern: "../../../../shared/*", containerUrl: node.service.url, uploadCondition: always }];
    expect(await node.service.exit({ uploads })).toMatchObject({ kind: "exited", exitCode: 0 });
  });

  test("is not uploaded by a pattern that names it", async () => {
    const uploads = [{ filePattern: secret, containerUrl: node.service.url, uploadCondition: always }];
    expect(await node.service.exit({ uploads })).toMatchObject({ kind: "exited", exitCode: 0 });
  });

  test("is not what a resource file is written to", async () => {
    node.service.routes.set("/f", (_, response) => response.end("x"));
    const { directory } = aRun();
    await node.service.run({ directory });
    await symlink(secret, join(node.root, directory, "wd/f"));
    const downloads = [{ kind: "url" as const, url: `${node.service.url}/f`, filePath: "f" }];
    const again = { directory, keepsDirectory: true, downloads, commandLine: "test ! -L f" };
    expect(await node.service.exit(again)).toMatchObject({ kind: "exited", exitCode: 0 });
    expect(readFileSync(secret, "utf8")).toBe("secret");
  });

  test("is not reached by a link to a link, and what is inside is, by a relative and an absolute one", async () => {
    const place = join(node.root, "shared/links");
    await mkdir(join(place, "inner"), { recursive: true });
    await writeFile(join(place, "inner/file"), "inside");
    await symlink("../links/./inner", join(place, "relative"));
    await symlink(join(place, "relative/file"), join(place, "absolute"));
    await symlink("circle", join(place, "circle"));
    await symlink(`inner/${"../".repeat(3)}../secret`, join(place, "out"));
    await symlink("out", join(place, "way-out"));
    const read = (path: string) => node.service.files({ operation: "read", path: `shared/links/${path}` });
    expect((await read("absolute")).body.toString()).toBe("inside");
    expect((await read("relative/../links/absolute")).answer).toMatchObject({ code: "FileNotFound" });
    expect((await read("relative/file")).body.toString()).toBe("inside");
    for (const path of ["circle", "out", "way-out"])
      expect((await read(path)).answer).toMatchObject({ code: "FileNotFound" });
  });
});

test("a file that is cut off while it is read ends the answer at once", async () => {
  const directory = await mkdtemp(join(tmpdir(), "kyanite-cut-"));
  const path = join(directory, "file");
  await writeFile(path, Buffer.alloc(50_000_000));
  const server = createServer((request) => {
    request.on("error", () => {});
    request.once("readable", () => void truncate(path, 10).then(() => request.resume()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  await using file = await open(path);
  const reply = {
    answer: { outcome: "ok" },
    body: readPart(file.fd, 0, 50_000_000),
    contentLength: 50_000_000,
  } as const;
  const posted = postFilesReply("id", reply, {
    serviceUrl: `http://127.0.0.1:${port}`,
    headers: {},
    signal: new AbortController().signal,
  });
  await expect(posted).rejects.toThrow("shorter");
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(directory, { recursive: true });
});

describe("a list", () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "kyanite-list-"));
  });
  afterEach(() => rm(root, { recursive: true, force: true, maxRetries: 3 }));

  const means = () => ({ root, names: new NameReader(systemClock, 1_000), clock: systemClock });

  async function inPages(limit: number, recursive: boolean, prefix?: string): Promise<string[]> {
    const all: string[] = [];
    const shared = means();
    for (let after: string | undefined; ; ) {
      const where = { ...(prefix === undefined ? {} : { prefix }), ...(after === undefined ? {} : { after }) };
      const page = await listFiles(shared, [], { operation: "list", path: "", recursive, limit, ...where });
      expect(page.files.length).toBeLessThanOrEqual(limit);
      all.push(...page.files.map(({ name }) => name));
      if (page.next === undefined) return all;
      after = page.next;
    }
  }

  test("shows everything once, whatever the pages and the tree", async () => {
    const name = fc.constantFrom("a", "a-", "a.b", "B", "ä", "\u{1f600}", "ﬀ", "z", "b\\c");
    const tree = fc.array(fc.array(name, { minLength: 1, maxLength: 4 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(tree, fc.integer({ min: 1, max: 5 }), fc.boolean(), name, async (paths, limit, deep, prefix) => {
        await rm(root, { recursive: true });
        await mkdir(root);
        for (const path of paths) await mkdir(join(root, ...path), { recursive: true });
        const found = new Set(paths.flatMap((path) => path.map((_, index) => path.slice(0, index + 1).join("/"))));
        const expected = [...found].filter((path) => deep || !path.includes("/"));
        expect((await inPages(limit, deep)).toSorted()).toEqual(expected.toSorted());
        for (const start of [prefix, `${prefix}/`, `${prefix}/a`]) {
          const depth = start.split("/").length;
          const begins = [...found].filter(
            (path) => path.toLowerCase().startsWith(start.toLowerCase()) && (deep || path.split("/").length === depth),
          );
          expect((await inPages(limit, deep, start)).toSorted()).toEqual(begins.toSorted());
        }
      }),
      { numRuns: 50 },
    );
  });

  test("of more names than are held at a time is complete, and sees what comes and goes meanwhile", async () => {
    const names = Array.from({ length: 2_500 }, (_, index) => `f${String(index).padStart(6, "0")}`);
    for (const name of names) await mkdir(join(root, name));
    expect(await inPages(300, true)).toEqual(names);
    const shared = means();
    const page = async (after: string) =>
      (await listFiles(shared, [], { operation: "list", path: "", recursive: false, limit: 2, after })).files;
    expect(await page("f000001")).toMatchObject([{ name: "f000002" }, { name: "f000003" }]);
    await mkdir(join(root, "f000002-new"));
    expect(await page("f000002")).toMatchObject([{ name: "f000002-new" }, { name: "f000003" }]);
  });

  test("of a tree that is deeper than any path can name shows what can be named", async () => {
    const name = "d".repeat(250);
    let directory = Directory.open(root);
    for (let level = 0; level < 60; level += 1) {
      using above = directory;
      await mkdir(above.at(name));
      directory = above.enter(name);
    }
    directory.close();
    expect(await inPages(1000, true)).toHaveLength(17);
    using top = Directory.open(root);
    await removeTree(top, name);
  });
});
