import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, symlink } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { zip } from "@kyanite/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { aRun, shell, startNode, type TestNode } from "./fake-service.ts";

let node: TestNode;
const uploaded = new Map<string, { body: string; headers: IncomingMessage["headers"] }>();

beforeAll(async () => {
  node = await startNode();
});
afterAll(() => node[Symbol.asyncDispose]());
beforeEach(() => {
  node.service.routes.clear();
  uploaded.clear();
});

const read = (path: string) => readFile(join(node.root, path), "utf8");

function serveText(path: string, text: string): string {
  node.service.routes.set(path, (_, response) => response.end(text));
  return `${node.service.url}${path}?sig=secret`;
}

/** A container that takes every blob. */
function serveContainer(path: string): string {
  node.service.routes.set(`${path}/`, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const name = decodeURIComponent(new URL(request.url ?? "", node.service.url).pathname.slice(path.length + 1));
      uploaded.set(name, { body: Buffer.concat(chunks).toString(), headers: request.headers });
      response.writeHead(201).end();
    });
  });
  return `${node.service.url}${path}?sig=secret`;
}

test("resource files lie in the working directory, with their modes", async () => {
  const url = serveText("/blob", "#!/bin/sh\necho hello\n");
  const { directory } = aRun();
  const exit = await node.service.exit({
    directory,
    commandLine: "d/program.sh",
    downloads: [
      { kind: "url", url, filePath: "d/program.sh" },
      { kind: "url", url, filePath: "plain", fileMode: "0640" },
    ],
  });
  expect(exit).toMatchObject({ kind: "exited", exitCode: 0 });
  expect(await read(`${directory}/stdout.txt`)).toBe("hello\n");
  expect((await stat(join(node.root, directory, "wd/d/program.sh"))).mode & 0o777).toBe(0o770);
  expect((await stat(join(node.root, directory, "wd/plain"))).mode & 0o777).toBe(0o640);
});

test("a container's blobs keep their paths below the directory", async () => {
  node.service.routes.set("/box", (request, response) => {
    const { searchParams } = new URL(request.url ?? "", node.service.url);
    expect(searchParams.get("prefix")).toBe("in/");
    const [name, next] = searchParams.get("marker") ? ["in/d/b", ""] : ["in/a", "more"];
    response.end(`<R><Blobs><Blob><Name>${name}</Name></Blob></Blobs><NextMarker>${next}</NextMarker></R>`);
  });
  serveText("/box/in/a", "A");
  serveText("/box/in/d/b", "B");
  const { directory } = aRun();
  await node.service.run({
    directory,
    downloads: [{ kind: "container", url: `${node.service.url}/box?sig=secret`, blobPrefix: "in/", directory: "data" }],
  });
  expect(await read(`${directory}/wd/data/in/a`)).toBe("A");
  expect(await read(`${directory}/wd/data/in/d/b`)).toBe("B");
});

test("of resource files with the same path the last one stays, however long it takes to come", async () => {
  const slow: ServerResponse[] = [];
  node.service.routes.set("/first", (_, response) => slow.push(response));
  const last = serveText("/last", "last");
  const beside = serveText("/beside", "beside");
  const order = aRun({
    commandLine: "cat same",
    downloads: [
      { kind: "url", url: `${node.service.url}/first`, filePath: "same" },
      { kind: "url", url: last, filePath: "./same" },
      { kind: "url", url: beside, filePath: "beside" },
    ],
  });
  node.service.order({ type: "run", order });
  const first = await node.service.until(() => slow[0], "request");
  await node.service.until(
    () => (existsSync(join(node.root, order.directory, "wd/beside")) ? true : undefined),
    "file",
  );
  first.end("first");
  expect((await node.service.finished(order.runId)).exit).toMatchObject({ kind: "exited", exitCode: 0 });
  expect(await read(`${order.directory}/stdout.txt`)).toBe("last");
});

test("a prefix is one of names, not a directory, and directories of a container may be empty", async () => {
  const names = ["data-1", "data/", "data/x", "data/empty", "database", "dataset/deep/none/"];
  const marker =
    "<Properties><Content-Length>0</Content-Length></Properties><Metadata><hdi_isfolder>true</hdi_isfolder></Metadata>";
  node.service.routes.set("/box", (request, response) => {
    expect(new URL(request.url ?? "", node.service.url).searchParams.get("prefix")).toBe("data");
    const blobs = names.map((name) => `<Blob><Name>${name}</Name>${name.endsWith("empty") ? marker : ""}</Blob>`);
    response.end(`<R><Blobs>${blobs.join("")}</Blobs><NextMarker/></R>`);
  });
  for (const name of names) serveText(`/box/${name}`, name);
  const { directory } = aRun();
  await node.service.run({
    directory,
    commandLine: shell("find . -type f | sort; find . -type d -empty | sort; stat -c %a data-1 data/empty"),
    downloads: [{ kind: "container", url: `${node.service.url}/box`, blobPrefix: "data", fileMode: "0o100604" }],
  });
  expect(await read(`${directory}/stdout.txt`)).toBe(
    "./data-1\n./data/x\n./database\n./data/empty\n./dataset/deep/none\n604\n770\n",
  );
});

test("a container that holds a way out fails the run", async () => {
  node.service.routes.set("/box", (_, response) =>
    response.end("<R><Blobs><Blob><Name>../../evil</Name></Blob></Blobs><NextMarker/></R>"),
  );
  const downloads = [{ kind: "container" as const, url: `${node.service.url}/box` }];
  expect(await node.service.exit({ downloads })).toMatchObject({ failure: { code: "BlobDownloadMiscError" } });
});

test.each([
  [404, "BlobNotFound"],
  [403, "BlobAccessDenied"],
  [400, "BlobDownloadMiscError"],
])("a resource file answered %d fails the run with %s", async (status, code) => {
  node.service.routes.set("/bad", (_, response) => response.writeHead(status).end());
  const url = `${node.service.url}/bad?sig=secret`;
  const exit = await node.service.exit({ downloads: [{ kind: "url", url, filePath: "x" }] });
  expect(exit).toMatchObject({
    kind: "failed",
    failure: {
      category: "UserError",
      code,
      details: expect.arrayContaining([
        { name: "HttpUrl", value: `${node.service.url}/bad` },
        { name: "FilePath", value: "x" },
      ]),
    },
  });
  expect(JSON.stringify(exit)).not.toContain("secret");
});

test("a URL that is none fails the run and is not repeated", async () => {
  const uploads = [
    { filePattern: "../stdout.txt", containerUrl: "sig=secret", uploadCondition: "taskcompletion" as const },
  ];
  const exits = [
    await node.service.exit({ downloads: [{ kind: "container", url: "sig=secret" }] }),
    await node.service.exit({ downloads: [{ kind: "url", url: "ftp://h?sig=secret", filePath: "x" }] }),
    await node.service.exit({ uploads }),
  ];
  expect(exits).toMatchObject([
    { failure: { code: "ResourceContainerListMiscError" } },
    { failure: { code: "BlobDownloadMiscError" } },
    { uploadFailure: { code: "FileUploadMiscError" } },
  ]);
  expect(JSON.stringify(exits)).not.toMatch(/=secret/);
});

test("a container that is not there fails the run", async () => {
  const url = `${node.service.url}/none?sig=secret`;
  const exit = await node.service.exit({ downloads: [{ kind: "container", url }] });
  expect(exit).toMatchObject({ failure: { code: "ResourceContainerNotFound" } });
});

test("a resource file may not leave the working directory, neither by name nor by a link", async () => {
  const url = serveText("/blob", "x");
  expect(await node.service.exit({ downloads: [{ kind: "url", url, filePath: "../x" }] })).toMatchObject({
    kind: "failed",
  });
  const directory = "workitems/job/job-1/linked";
  await node.service.run({ directory });
  await symlink(node.directory, join(node.root, directory, "wd/out"));
  const again = { directory, keepsDirectory: true, downloads: [{ kind: "url" as const, url, filePath: "out/x" }] };
  expect(await node.service.exit(again)).toMatchObject({ kind: "failed" });
  await expect(stat(join(node.directory, "x"))).rejects.toThrow("ENOENT");
});

test("a run does not begin below a link", async () => {
  await mkdir(join(node.directory, "elsewhere"));
  await mkdir(join(node.root, "workitems/replaced"), { recursive: true });
  await symlink(join(node.directory, "elsewhere"), join(node.root, "workitems/replaced/job-1"));
  expect(await node.service.exit({ directory: "workitems/replaced/job-1/t" })).toMatchObject({
    failure: { code: "ResourceDirectoryCreateFailed" },
  });
  expect(await readdir(join(node.directory, "elsewhere"))).toEqual([]);
});

test("a link in place of one of a run's own directories is removed", async () => {
  const directory = "workitems/job/job-1/own";
  await node.service.run({ directory });
  await rm(join(node.root, directory, "wd"), { recursive: true });
  await symlink(node.directory, join(node.root, directory, "wd"));
  const again = { directory, keepsDirectory: true, commandLine: shell("pwd -P") };
  expect(await node.service.exit(again)).toMatchObject({ exitCode: 0 });
  expect(await read(join(directory, "stdout.txt"))).toMatch(/\/own\/wd\n$/);
});

test("what several runs want at the same moment is fetched once", async () => {
  const waiting: ServerResponse[] = [];
  node.service.routes.set("/slow", (_, response) => waiting.push(response));
  const url = `${node.service.url}/slow`;
  const orders = [1, 2, 3].map(() => aRun({ downloads: [{ kind: "url", url, filePath: "x" }], commandLine: "cat x" }));
  for (const order of orders) node.service.order({ type: "run", order });
  for (const order of orders) await node.service.started(order.runId);
  await node.service.until(() => waiting[0], "request");
  // All three are under way before the answer: a request for files passes through the agent behind them.
  await node.service.files({ operation: "list", path: "", recursive: true });
  for (const response of waiting) response.end("same");
  for (const order of orders) {
    expect((await node.service.finished(order.runId)).exit).toMatchObject({ kind: "exited", exitCode: 0 });
    expect(await read(`${order.directory}/stdout.txt`)).toBe("same");
  }
  expect(waiting.length).toBe(1);
});

test("a shared download goes on while somebody wants it, and its failure is everybody's", async () => {
  const waiting: ServerResponse[] = [];
  node.service.routes.set("/shared", (_, response) => waiting.push(response));
  const url = `${node.service.url}/shared`;
  const orders = [1, 2].map(() => aRun({ downloads: [{ kind: "url", url, filePath: "x" }], commandLine: "cat x" }));
  const [first, second] = orders;
  if (!first || !second) throw new Error("no orders");
  for (const order of orders) node.service.order({ type: "run", order });
  for (const order of orders) await node.service.started(order.runId);
  const response = await node.service.until(() => waiting[0], "request");
  await node.service.files({ operation: "list", path: "", recursive: true });
  node.service.order({ type: "cancel", runId: first.runId });
  expect((await node.service.finished(first.runId)).exit).toMatchObject({ kind: "ended", reason: "cancelled" });
  response.end("still");
  expect((await node.service.finished(second.runId)).exit).toMatchObject({ kind: "exited", exitCode: 0 });
  expect(await read(`${second.directory}/stdout.txt`)).toBe("still");

  const failing = [1, 2].map(() => aRun({ downloads: [{ kind: "url", url, filePath: "x" }] }));
  for (const order of failing) node.service.order({ type: "run", order });
  for (const order of failing) await node.service.started(order.runId);
  const refused = await node.service.until(() => waiting[1], "request");
  await node.service.files({ operation: "list", path: "", recursive: true });
  refused.writeHead(404).end();
  for (const order of failing)
    expect((await node.service.finished(order.runId)).exit).toMatchObject({ failure: { code: "BlobNotFound" } });
  expect(waiting).toHaveLength(2);
});

test("a cancelled download ends the run at once", async () => {
  const waiting: ServerResponse[] = [];
  node.service.routes.set("/never", (_, response) => waiting.push(response));
  const order = aRun({ downloads: [{ kind: "url", url: `${node.service.url}/never`, filePath: "x" }] });
  node.service.order({ type: "run", order });
  await node.service.until(() => waiting[0], "request");
  node.service.order({ type: "cancel", runId: order.runId });
  expect((await node.service.finished(order.runId)).exit).toMatchObject({ kind: "ended", reason: "cancelled" });
});

test("output files are uploaded when their condition is met, under their names", async () => {
  const containerUrl = serveContainer("/out");
  const { directory } = aRun();
  const exit = await node.service.exit({
    directory,
    environment: { WHAT: "b" },
    commandLine: shell("mkdir -p d/e; echo a > a.txt; echo b > d/b.txt; echo c > d/e/c.txt; echo log; exit 1"),
    uploads: [
      { filePattern: "**/*.txt", containerUrl, path: "all/", uploadCondition: "taskcompletion" },
      { filePattern: "../std*.txt", containerUrl, path: "logs", uploadCondition: "taskfailure" },
      { filePattern: "d/$WHAT.txt", containerUrl, path: "one.txt", uploadCondition: "taskcompletion" },
      { filePattern: "d/b.txt", containerUrl, uploadCondition: "taskcompletion" },
      { filePattern: "a.txt", containerUrl, path: "never", uploadCondition: "tasksuccess" },
      { filePattern: "*.none", containerUrl, uploadCondition: "taskcompletion" },
      {
        filePattern: "a.txt",
        containerUrl,
        path: "typed",
        uploadHeaders: [{ name: "x-ms-blob-content-type", value: "text/x" }],
        uploadCondition: "taskcompletion",
      },
    ],
  });
  expect(exit).toMatchObject({ kind: "exited", exitCode: 1 });
  expect([...uploaded.keys()].sort()).toEqual(
    [
      "all/a.txt",
      "all/d/b.txt",
      "all/d/e/c.txt",
      "b.txt",
      "logs/stderr.txt",
      "logs/stdout.txt",
      "one.txt",
      "typed",
    ].sort(),
  );
  expect(uploaded.get("logs/stdout.txt")?.body).toBe("log\n");
  expect(uploaded.get("typed")?.headers["x-ms-blob-content-type"]).toBe("text/x");
  const log = await read(`${directory}/fileuploadout.txt`);
  expect(log).toContain("as one.txt");
  expect(log).not.toContain("secret");
  expect(await read(`${directory}/fileuploaderr.txt`)).toBe("");
});

const always = "taskcompletion" as const;

test.each([
  ["without a wildcard and a path, under the file's name", "d/e/c.txt", undefined, ["c.txt"]],
  ["without a wildcard, under the path as it is", "d/e/c.txt", "x/y.z", ["x/y.z"]],
  ["with a wildcard and no path, at the container's root", "d/**/*.txt", undefined, ["b.txt", "e/c.txt"]],
  ["with a wildcard, below the path", "d/**/*.txt", "x/y", ["x/y/b.txt", "x/y/e/c.txt"]],
  ["with one character", "?.txt", "o", ["o/a.txt"]],
  ["with one of several characters", "[a-c].[!x]*", "o", ["o/a.txt"]],
  ["with a literal star", "st[*]r", undefined, ["st*r"]],
  ["all below the working directory", "**", "o", ["o/a.txt", "o/d/b.txt", "o/d/e/c.txt", "o/sp ace#?%.é", "o/st*r"]],
  ["only one level", "*", "o", ["o/a.txt", "o/sp ace#?%.é", "o/st*r"]],
  ["what begins with a dot only when the pattern says so", "**/.h*", "o", ["o/.hidden"]],
  ["the four logs", "../*.txt", "", ["fileuploaderr.txt", "fileuploadout.txt", "stderr.txt", "stdout.txt"]],
])("output files are found %s", async (_, filePattern, path, expected) => {
  const containerUrl = serveContainer("/out");
  const files = "mkdir -p d/e; touch a.txt d/b.txt d/e/c.txt .hidden 'st*r' 'sp ace#?%.é'";
  const exit = await node.service.exit({
    commandLine: `/bin/sh -c "${files}"`,
    uploads: [{ filePattern, containerUrl, ...(path === undefined ? {} : { path }), uploadCondition: always }],
  });
  expect(exit).toMatchObject({ kind: "exited", exitCode: 0 });
  expect([...uploaded.keys()].sort()).toEqual([...expected].sort());
});

test.each([
  ["exit 0", "exit 0", { kind: "exited", exitCode: 0 }, ["always", "success"]],
  ["another exit code", "exit 7", { kind: "exited", exitCode: 7 }, ["always", "failure"]],
  ["a crash", "kill -SEGV $$", { kind: "exited", exitCode: 139 }, ["always", "failure"]],
  ["being killed", "kill -KILL $$", { kind: "exited", exitCode: 137 }, ["always", "failure"]],
])("after %s what is due is uploaded", async (_, script, exit, expected) => {
  const containerUrl = serveContainer("/out");
  const upload = { filePattern: "left", containerUrl };
  expect(
    await node.service.exit({
      commandLine: shell(`echo left > left; ${script}`),
      uploads: [
        { ...upload, path: "always", uploadCondition: "taskcompletion" },
        { ...upload, path: "success", uploadCondition: "tasksuccess" },
        { ...upload, path: "failure", uploadCondition: "taskfailure" },
      ],
    }),
  ).toMatchObject(exit);
  expect([...uploaded.keys()].sort()).toEqual(expected);
  for (const { body } of uploaded.values()) expect(body).toBe("left\n");
});

test.each([
  [404, "FileUploadContainerNotFound"],
  [403, "FileUploadAccessDenied"],
  [400, "FileUploadMiscError"],
])("an upload answered %d fails with %s, and what goes elsewhere is uploaded all the same", async (status, code) => {
  node.service.routes.set("/bad/", (request, response) => {
    request.resume();
    response.writeHead(status).end();
  });
  const [bad, good] = [`${node.service.url}/bad?sig=secret`, serveContainer("/out")];
  const exit = await node.service.exit({
    commandLine: shell("echo a > a; echo b > b"),
    uploads: [
      { filePattern: "?", containerUrl: bad, uploadCondition: always },
      { filePattern: "?", containerUrl: good, uploadCondition: always },
    ],
  });
  const details = expect.arrayContaining([{ name: "ContainerUrl", value: `${node.service.url}/bad` }]);
  expect(exit).toMatchObject({ exitCode: 0, uploadFailure: { category: "UserError", code, details } });
  expect([...uploaded.keys()].sort()).toEqual(["a", "b"]);
  expect(JSON.stringify(exit)).not.toContain("secret");
});

test("every upload header goes with a file of one block and with the list of several", async () => {
  const containerUrl = serveContainer("/out");
  const uploadHeaders = ["type", "encoding", "language", "disposition"].map((name) => ({
    name: `x-ms-blob-content-${name}`,
    value: `of ${name}`,
  }));
  uploadHeaders.push({ name: "x-ms-blob-cache-control", value: "no-store" });
  await node.service.run({
    commandLine: shell("echo small > small; head -c 9000000 /dev/zero > large"),
    uploads: [{ filePattern: "*", containerUrl, uploadHeaders, uploadCondition: always }],
  });
  const expected = Object.fromEntries(uploadHeaders.map(({ name, value }) => [name, value]));
  expect(uploaded.get("small")?.headers).toMatchObject(expected);
  expect(uploaded.get("large")).toMatchObject({ headers: expected, body: expect.stringContaining("<BlockList>") });
});

test("a failed upload keeps the exit code and is reported", async () => {
  const containerUrl = `${node.service.url}/missing?sig=secret`;
  const { directory } = aRun();
  const exit = await node.service.exit({
    directory,
    uploads: [{ filePattern: "../stdout.txt", containerUrl, uploadCondition: "tasksuccess" }],
  });
  expect(exit).toMatchObject({
    kind: "exited",
    exitCode: 0,
    uploadFailure: { category: "UserError", code: "FileUploadContainerNotFound" },
  });
  expect(JSON.stringify(exit)).not.toContain("secret");
  expect(await read(`${directory}/fileuploaderr.txt`)).toContain("was not uploaded");
});

test("what a run past its wall clock has left is uploaded", async () => {
  const containerUrl = serveContainer("/out");
  await node.service.run({
    commandLine: shell("echo partial > p; sleep 60"),
    maxWallClockSeconds: 0.3,
    uploads: [{ filePattern: "p", containerUrl, uploadCondition: "taskfailure" }],
  });
  expect(uploaded.get("p")?.body).toBe("partial\n");
});

test("an application package is fetched once and found through its variables", async () => {
  let count = 0;
  const archive = zip([
    { name: "bin/", mode: 0o40755 },
    { name: "bin/tool", content: "#!/bin/sh\necho tool\n", mode: 0o100750 },
    { name: "data.txt", content: "data" },
  ]);
  node.service.routes.set("/package", (_, response) => {
    count += 1;
    response.end(archive);
  });
  const reference = { applicationId: "My-App", version: "1.0", contentId: "one", url: `${node.service.url}/package` };
  const packages = [{ ...reference, isDefaultVersion: false }];
  const script = "$AZ_BATCH_APP_PACKAGE_My_App_1_0/bin/tool; cat $AZ_BATCH_APP_PACKAGE_my_app_1_0/data.txt";
  const first = aRun({ packages, commandLine: shell(script) });
  const second = aRun({ packages, commandLine: shell(script) });
  for (const order of [first, second]) node.service.order({ type: "run", order });
  for (const order of [first, second]) {
    expect((await node.service.finished(order.runId)).exit).toMatchObject({ kind: "exited", exitCode: 0 });
    expect(await read(`${order.directory}/stdout.txt`)).toBe("tool\ndata");
  }
  const byDefault = [{ ...reference, isDefaultVersion: true }];
  expect(
    await node.service.exit({ packages: byDefault, commandLine: shell("cd $AZ_BATCH_APP_PACKAGE_my_app") }),
  ).toMatchObject({
    kind: "exited",
    exitCode: 0,
  });
  expect(count).toBe(1);
});

test.each([
  ["leaves its directory", zip([{ name: "../../evil", content: "x" }])],
  ["holds a link", zip([{ name: "link", content: "/etc", mode: 0o120777 }])],
  ["is no zip file", Buffer.from("nonsense")],
])("an application package that %s fails the run", async (what, archive) => {
  node.service.routes.set("/package", (_, response) => response.end(archive));
  const version = what.replaceAll(" ", "-");
  const packages = [
    {
      applicationId: "bad",
      version,
      isDefaultVersion: false,
      contentId: "one",
      url: `${node.service.url}/package?sig=secret`,
    },
  ];
  const exit = await node.service.exit({ packages });
  expect(exit).toMatchObject({ kind: "failed", failure: { category: "UserError", code: "ApplicationPackageError" } });
  expect(JSON.stringify(exit)).not.toContain("secret");
  await expect(stat(join(node.root, "evil"))).rejects.toThrow("ENOENT");
});

test("common files of a multi-instance task lie in the shared directory", async () => {
  const url = serveText("/common", "common");
  const { directory } = aRun();
  await node.service.run({
    directory,
    kind: "subtask",
    sharedDirectory: "workitems/job/job-1/shared-of-t",
    commonDownloads: [{ kind: "url", url, filePath: "c" }],
    commandLine: shell("cat $AZ_BATCH_TASK_SHARED_DIR/c"),
  });
  expect(await read(`${directory}/stdout.txt`)).toBe("common");
});

test("a traced run tells what each step has fetched and sent, a package once for its node", async () => {
  const archive = zip([{ name: "a", content: "a" }]);
  node.service.routes.set("/steps.zip", (_, response) => response.end(archive));
  const order = {
    isTraced: true,
    commandLine: shell("echo 1234 > out"),
    packages: [
      {
        applicationId: "steps",
        version: "1",
        isDefaultVersion: false,
        contentId: "steps",
        url: `${node.service.url}/steps.zip`,
      },
    ],
    downloads: [
      { kind: "url" as const, url: serveText("/one", "one"), filePath: "one" },
      { kind: "url" as const, url: serveText("/three", "three"), filePath: "three" },
    ],
    uploads: [
      { filePattern: "out", containerUrl: serveContainer("/outs"), uploadCondition: "taskcompletion" as const },
    ],
  };
  const bytes = async () => {
    const { steps = [] } = await node.service.run(order);
    return steps.map((step) => [step.name, step.bytes]);
  };
  const others = [
    ["downloads", 8],
    ["command", undefined],
    ["upload", 5],
  ];
  expect(await bytes()).toEqual([["directories", undefined], ["packages", archive.length], ...others]);
  expect(await bytes()).toEqual([["directories", undefined], ["packages", undefined], ...others]);
});
