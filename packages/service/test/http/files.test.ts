import { aPool, type RawClient, type RunningService, rawClient, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let service: RunningService;
let call: RawClient;
let nodeId = "";
const files = "/jobs/job/tasks/task/files";
const names = ["a b%#+é.txt", "c", "d", "e"];

beforeAll(async () => {
  service = await runningService();
  call = rawClient(service);
  await call("POST", "/pools", { body: aPool("pool") });
  await call("POST", "/jobs", { body: { id: "job", poolInfo: { poolId: "pool" } } });
  const script = `echo hello; : > empty; mkdir -p deep/er; mkdir back; echo slash > "back\\slash.txt"; echo two > back/two; echo both > "back\\both"; echo other > back/both; echo latin > "$(printf "\\351t\\351")"; cd deep/er; for n in ${names.map((name) => `"${name}"`).join(" ")}; do echo x > "$n"; done`;
  await call("POST", "/jobs/job/tasks", { body: { id: "task", commandLine: `/bin/sh -c '${script}'` } });
  const task = await until(
    async () => Object((await call("GET", "/jobs/job/tasks/task")).json),
    ({ state }) => state === "completed",
    60,
  );
  nodeId = task.nodeInfo.nodeId;
}, 90_000);
afterAll(() => service[Symbol.asyncDispose]());

interface Listed {
  readonly name: string;
  readonly isDirectory: boolean;
}

/** All pages of a list, each of which is looked at before the next is asked for. */
async function pages(path: string, seen: (items: readonly Listed[]) => Promise<unknown> = async () => {}) {
  const all: Listed[] = [];
  for (let target = path; ; ) {
    const { value, "odata.nextLink": next } = Object((await call("GET", target, { version: null })).json);
    all.push(...value);
    await seen(value);
    if (next === undefined) return all;
    target = next.slice(service.url.length);
  }
}

describe("a file", () => {
  test.each([
    ["bytes=0-1", "he"],
    ["bytes=2-", "llo\n"],
    ["bytes=5-5", "\n"],
    ["bytes=0-1000", "hello\n"],
  ])("is read in part, %s, with status 200", async (range, text) => {
    const answer = await call("GET", `${files}/stdout.txt`, { headers: { "ocp-range": range } });
    expect(answer).toMatchObject({ status: 200, text, headers: { "content-length": String(text.length) } });
    expect(answer.headers).not.toHaveProperty("etag");
  });

  test.each(["bytes=6-", "bytes=100-200", "bytes=3-1", "bytes=-2", "bytes=0-1,3-4", "lines=0-1"])(
    "has no part %s",
    async (range) => {
      const answer = await call("GET", `${files}/stdout.txt`, { headers: { "ocp-range": range } });
      expect(answer).toMatchObject({ status: 416, json: { code: "InvalidRange" } });
    },
  );

  test("shows by HEAD what GET would send", async () => {
    const [head, get] = [await call("HEAD", `${files}/stdout.txt`), await call("GET", `${files}/stdout.txt`)];
    expect(head.text).toBe("");
    for (const name of ["content-length", "content-type", "last-modified", "ocp-batch-file-mode", "ocp-batch-file-url"])
      expect([name, head.headers[name]]).toEqual([name, get.headers[name]]);
    expect(get.headers["ocp-batch-file-isdirectory"]).toBe("False");
    expect((await call("HEAD", `${files}/wd/deep`)).headers["ocp-batch-file-isdirectory"]).toBe("True");
    expect(await call("HEAD", `${files}/wd/none`)).toMatchObject({ status: 404, text: "" });
    expect(await call("GET", `${files}/wd/empty`)).toMatchObject({ status: 200, text: "" });
  });

  test.each(["/", "%2F"])("of any name is found with slashes as %s", async (slash) => {
    const path = ["wd", "deep", "er", encodeURIComponent(names[0] ?? "")].join(slash);
    expect(await call("GET", `${files}/${path}`)).toMatchObject({ status: 200, text: "x\n" });
  });

  test("is found with backslashes for slashes, when none has such a name", async () => {
    expect(await call("GET", `${files}/${encodeURIComponent("wd\\back\\two")}`)).toMatchObject({ text: "two\n" });
    expect(await call("GET", `${files}/${encodeURIComponent("wd/back\\both")}`)).toMatchObject({ text: "both\n" });
    const url = (await call("HEAD", `${files}/wd%5Cback%5Ctwo`)).headers["ocp-batch-file-url"];
    expect(decodeURIComponent(String(url))).toBe(`${service.url}${files}/wd/back/two`);
    const out = encodeURIComponent("..\\other\\stdout.txt");
    expect(await call("GET", `${files}/${out}`)).toMatchObject({ status: 404, json: { code: "FileNotFound" } });
  });

  test("outside the node is not found", async () => {
    const path = encodeURIComponent("../../../../../etc/passwd");
    expect(await call("GET", `${files}/${path}`)).toMatchObject({ status: 400, json: { code: "InvalidUri" } });
  });
});

describe("a list of files", () => {
  const query = "api-version=2024-07-01.20.0&recursive=true&maxresults=2";

  test("is one level deep unless it is recursive", async () => {
    const level = (await pages(`${files}?api-version=2024-07-01.20.0`)).map(({ name }) => name);
    expect(level).toEqual(expect.arrayContaining(["stderr.txt", "stdout.txt", "wd"]));
    expect(level.filter((name) => name.includes("/"))).toEqual([]);
  });

  test.each([
    ["task", files, ""],
    ["node", () => `/pools/pool/nodes/${nodeId}/files`, "workitems/job/job-1/task/"],
  ])("of a %s shows what is in a folder, or what there begins like a text", async (_, place, root) => {
    const begin = async (prefix: string) => {
      const filter = encodeURIComponent(`startswith(name,'${root}${prefix}')`);
      const path = typeof place === "string" ? place : place();
      const all = await pages(`${path}?api-version=2024-07-01.20.0&recursive=false&maxresults=2&$filter=${filter}`);
      return all.map(({ name }) => name.slice(root.length));
    };
    expect(await begin("wd/deep/")).toEqual(["wd/deep/er"]);
    expect(await begin("WD/DEEP/")).toEqual(["wd/deep/er"]);
    expect(await begin("wd/deep")).toEqual(["wd/deep"]);
    expect(await begin("wd")).toEqual(["wd"]);
    expect(await begin("wd/")).toEqual(expect.arrayContaining(["wd/deep", "wd/empty"]));
    expect(await begin("wd/e")).toEqual(["wd/empty"]);
    expect(await begin("std")).toEqual(["stderr.txt", "stdout.txt"]);
    expect(await begin("none/")).toEqual([]);
  });

  test("names files so that each can be fetched, whatever their names", async () => {
    const query = "api-version=2024-07-01.20.0&recursive=true";
    const all = Object((await call("GET", `${files}?${query}`, { version: null })).json).value;
    const contents = new Map<string, string>();
    for (const { name, url, isDirectory } of all) {
      if (isDirectory) continue;
      const answer = await call("GET", url.slice(service.url.length));
      contents.set(name, answer.text);
      expect([name, answer.status, answer.headers["ocp-batch-file-url"]]).toEqual([name, 200, encodeURIComponent(url)]);
    }
    expect(Object.fromEntries(contents)).toMatchObject({
      "wd/back\\slash.txt": "slash\n",
      "wd/back\\both": "both\n",
      "wd/back/both": "other\n",
      "wd/\uefe9t\uefe9": "latin\n",
    });
  });

  test("comes in pages with each file once, whatever is deleted meanwhile", async () => {
    const all = (await pages(`${files}?${query}`)).map(({ name }) => name);
    expect(all).toEqual(expect.arrayContaining(names.map((name) => `wd/deep/er/${name}`)));
    expect(new Set(all).size).toBe(all.length);
    const filtered = `${files}?${query}&$filter=${encodeURIComponent("startswith(name,'wd/deep/er/')")}`;
    const left = await pages(filtered, async (items) => {
      for (const { name, isDirectory } of items)
        if (!isDirectory) expect((await call("DELETE", `${files}/${encodeURIComponent(name)}`)).status).toBe(200);
    });
    expect(left.map(({ name }) => name)).toEqual(names.map((name) => `wd/deep/er/${name}`));
    expect(await pages(filtered)).toEqual([]);
  });
});

test("the files of a node that is gone are unavailable, but for those that are kept", async () => {
  expect((await call("POST", "/pools/pool/removenodes", { body: { nodeList: [nodeId] } })).status).toBe(202);
  await until(
    () => call("GET", `/pools/pool/nodes/${nodeId}`),
    ({ status }) => status === 404,
    60,
  );
  for (const [method, path] of [
    ["GET", `${files}/wd/empty`],
    ["DELETE", `${files}/stdout.txt`],
  ] as const)
    expect(await call(method, path)).toMatchObject({ status: 409, json: { code: "TaskFilesUnavailable" } });
  expect(await call("HEAD", `${files}/wd/empty`)).toMatchObject({ status: 409, text: "" });
  expect(await call("GET", `${files}/stdout.txt`)).toMatchObject({ status: 200, text: "hello\n" });
  expect((await pages(`${files}?api-version=2024-07-01.20.0`)).map(({ name }) => name)).toEqual(["stdout.txt"]);
  expect(await call("GET", `/pools/pool/nodes/${nodeId}/files`)).toMatchObject({
    status: 404,
    json: { code: "NodeNotFound" },
  });
});
