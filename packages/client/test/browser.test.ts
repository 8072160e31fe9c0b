import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { expect, test } from "vitest";

const file = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

const parts = ["actions", "duration", "errors", "routes", "shared-key", "versions"];

/** What a browser would load of these entries, and the modules that it comes from. */
async function bundle(entries: Readonly<Record<string, string>>) {
  const build = await rolldown({
    input: entries,
    platform: "browser",
    logLevel: "silent",
    resolve: { conditionNames: ["source"] },
  });
  const { output } = await build.generate({ minify: true });
  await build.close();
  const chunks = output.filter((each) => each.type === "chunk");
  return {
    modules: chunks.flatMap(({ moduleIds }) => moduleIds),
    imports: chunks
      .flatMap(({ imports }) => imports)
      .filter((name) => !chunks.some(({ fileName }) => fileName === name)),
    code: chunks.map(({ code }) => code).join("\n"),
  };
}

test("a browser loads the client and its parts of the contract, and nothing of Node, of schemas or of agents", async () => {
  const { modules, imports, code } = await bundle({
    client: file("client/src/index.ts"),
    ...Object.fromEntries(parts.map((part) => [part, file(`contract/src/${part}.ts`)])),
  });
  expect(imports).toEqual([]);
  const foreign = modules.filter((module) => !/\/packages\/(client|contract)\/src\/[\w-]+\.ts$/.test(module));
  expect(foreign).toEqual([]);
  expect(modules.filter((module) => /\/contract\/src\/(agent|schema|operations?)\.ts$/.test(module))).toEqual([]);
  expect(code.match(/["'`]node:|\bBuffer\.|\bprocess\./g)).toBeNull();
});

test("the client is small", async () => {
  const { code } = await bundle({ client: file("client/src/index.ts") });
  const compressed = gzipSync(code).length;
  console.info(`The client for browsers: ${code.length} bytes, ${compressed} compressed`);
  expect(compressed).toBeLessThan(8_000);
});
