import { createServer, type Server } from "node:net";
import type { OrderedRegistry } from "@kyanite/contract";
import { createLog, systemClock } from "@kyanite/runtime";
import {
  hasRegistry,
  hasRuntime,
  startRegistry,
  startRuntime,
  type TestRuntime,
  testImage,
} from "@kyanite/testkit/container-runtimes";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Images, openImages } from "../src/containers/images.ts";
import { runtimeFinder } from "../src/containers/runtime.ts";
import { StepFailure } from "../src/failure.ts";

const kinds = (["docker", "podman"] as const).filter((kind) => hasRuntime(kind) && hasRegistry());
const never = new AbortController().signal;
const missing = { policy: "missing", signal: never } as const;

describe.each(kinds)("images of %s", (kind) => {
  let runtime: TestRuntime;
  let open: Awaited<ReturnType<typeof startRegistry>>;
  let closed: Awaited<ReturnType<typeof startRegistry>>;
  let images: Images;
  const said: string[] = [];
  const log = {
    ...createLog("silent"),
    info: (message: string) => void said.push(message),
    warn: (message: string) => void said.push(message),
  };
  const login = (password: string): OrderedRegistry => ({ server: closed.server, username: "user", password });
  beforeAll(async () => {
    open = await startRegistry({ hasPassword: false });
    closed = await startRegistry({ hasPassword: true });
    runtime = await startRuntime(kind);
    for (const name of [`${open.server}/a:1`, `${open.server}/b:latest`, `${closed.server}/c:1`]) runtime.push(name);
  }, 120_000);
  beforeEach(() => {
    said.length = 0;
    const { find } = runtimeFinder({ setting: runtime.socket });
    images = openImages({
      runtime: find,
      clock: systemClock,
      log,
      store: { use: () => {}, add: async () => {} },
      silenceMilliseconds: 1_500,
      firstPause: 50,
    });
  });
  afterAll(async () => {
    await runtime[Symbol.asyncDispose]();
    await open[Symbol.asyncDispose]();
    await closed[Symbol.asyncDispose]();
  }, 120_000);

  const ensure = (imageName: string, registries: readonly OrderedRegistry[] = []) =>
    images.ensure({ imageName, registries }, missing);
  const failure = async (imageName: string, registries: readonly OrderedRegistry[] = []) => {
    const cause = await ensure(imageName, registries).then(
      () => undefined,
      (error: unknown) => error,
    );
    return cause instanceof StepFailure ? cause.failure : cause;
  };

  test("one that is on the machine needs no registry", async () => {
    expect(await ensure(testImage)).toBe(testImage);
    expect(said).toEqual([]);
  });

  test("one that was there a moment ago is not asked for again, until it turns out to be gone", async () => {
    expect(images.recent(testImage)).toBeUndefined();
    await ensure(testImage);
    expect(images.recent(testImage)).toBe(testImage);
    expect([images.forget(testImage), images.forget(testImage)]).toEqual([true, false]);
    expect(images.recent(testImage)).toBeUndefined();
  });

  test("one that many want at the same time is pulled once", async () => {
    const name = `${open.server}/a:1`;
    expect(new Set(await Promise.all(Array.from({ length: 20 }, () => ensure(name))))).toEqual(new Set([name]));
    expect(said).toEqual(["pull begins", "image pulled"]);
  });

  test("without a tag it is the latest, and not all of them", async () => {
    expect(await ensure(`${open.server}/b`)).toBe(`${open.server}/b:latest`);
  });

  test("one that its registry does not have is invalid, at once", async () => {
    expect(await failure(`${open.server}/none:1`)).toMatchObject({
      category: "UserError",
      code: "ContainerInvalidImage",
      details: [
        { name: "ContainerImage", value: `${open.server}/none:1` },
        {
          name: "Message",
          value: expect.stringMatching(/^It is not on the compute node, nor in its registry: .+ name/),
        },
      ],
    });
    expect(said.filter((message) => message === "pull begins")).toHaveLength(1);
  });

  test("a registry with a password takes that, for each pull anew", async () => {
    const image = `${closed.server}/c:1`;
    for (const [registries, message] of [
      [[], /asks for a log-in: .+containerRegistries/],
      [[login("wrong")], /^The registry refuses the log-in as user: .+ password/],
    ] as const)
      expect(await failure(image, registries)).toMatchObject({
        code: "ContainerInvalidRegistry",
        details: [
          { name: "ContainerRegistry", value: closed.server },
          { name: "Message", value: expect.stringMatching(message) },
        ],
      });
    expect(await ensure(image, [login("secret")])).toBe(image);
    runtime.run("rmi", "-f", image);
    expect(await failure(image)).toMatchObject({ code: "ContainerInvalidRegistry" });
  });

  test("a registry that is away is tried again, and then said to be invalid", async () => {
    const message = /^localhost:1\/x:1 is not on the compute node, and its registry did not answer in 5 tries: .+load/s;
    expect(await failure("localhost:1/x:1")).toMatchObject({
      code: "ContainerInvalidRegistry",
      details: [
        { name: "ContainerRegistry", value: "localhost:1" },
        { name: "Message", value: expect.stringMatching(message) },
      ],
    });
    expect(said.filter((message) => message === "pull begins")).toHaveLength(5);
  }, 60_000);

  test("a registry that says nothing is not waited for for ever, nor is one that nobody waits for any more", async () => {
    const silent = await new Promise<Server>((resolve) => {
      const server = createServer(() => {}).listen(0, "127.0.0.1", () => resolve(server));
    });
    const address = silent.address();
    const image = `localhost:${typeof address === "object" ? address?.port : 0}/x:1`;
    const waiting = new AbortController();
    const ended = images.ensure({ imageName: image, registries: [] }, { policy: "missing", signal: waiting.signal });
    waiting.abort(new Error("cancelled"));
    await expect(ended).rejects.toThrow("cancelled");
    expect(await failure(image)).toMatchObject({ code: "ContainerInvalidRegistry" });
    silent.close();
  }, 60_000);
});
