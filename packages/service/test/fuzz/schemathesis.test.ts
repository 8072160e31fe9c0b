import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { aPool, batchToken, rawClient, runningService } from "@kyanite/testkit";
import { expect, test } from "vitest";

/** Requests for each operation that schemathesis makes from the description; none, and nothing is installed, unless set. */
const examples = Number(process.env.KYANITE_SCHEMATHESIS_EXAMPLES ?? 0);
const version = "4.32.5";
const run = promisify(execFile);

/** The program in a cache of the user's, outside of this tree; undefined when it cannot be had. */
async function schemathesis(): Promise<string | undefined> {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "kyanite", `schemathesis-${version}`);
  const program = join(cache, "bin", "schemathesis");
  try {
    await run(program, ["--version"]).catch(async () => {
      await mkdir(cache, { recursive: true });
      await run("python3", ["-m", "venv", cache]);
      await run(join(cache, "bin", "pip"), ["install", "--quiet", `schemathesis==${version}`]);
    });
    return program;
  } catch (cause) {
    console.warn("SKIPPED: schemathesis cannot be installed", cause);
    return undefined;
  }
}

/** No more at once: a round must be over before its token expires. Each has a seed of its own. */
const examplesOfRound = 100;

const checks = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_headers_conformance",
  "response_schema_conformance",
];

test.runIf(examples > 0)(
  "answers to what schemathesis makes of the description are as it says",
  async ({ skip }) => {
    const program = (await schemathesis()) ?? skip();
    // Without cores no pool gets nodes: this is about requests.
    await using service = await runningService({ settings: { dedicatedCoreQuota: 0, lowPriorityCoreQuota: 0 } });
    await rawClient(service)("POST", "/pools", { body: aPool("seed", { targetDedicatedNodes: 0 }) });
    const directory = await mkdtemp(join(tmpdir(), "kyanite-schemathesis-"));
    const file = join(directory, "openapi.json");
    const described = await fetch(`${service.url}/openapi.json?api-version=2024-07-01.20.0`);
    await writeFile(file, await described.text());
    let requests = 0;
    for (let left = examples; left > 0; left -= examplesOfRound) {
      const { code, output } = await outcomeOf(program, [
        "run",
        file,
        ...["--url", service.url],
        ...["--header", `Authorization: Bearer ${await batchToken(service)}`],
        ...["--checks", checks.join(",")],
        ...["--phases", left === examples ? "coverage,fuzzing" : "fuzzing"],
        ...["--max-examples", String(Math.min(left, examplesOfRound))],
        "--continue-on-failure",
        "--no-color",
      ]);
      requests += Number(/(\d+) generated/.exec(output)?.[1] ?? 0);
      console.info(`${requests} requests so far`);
      expect(code, output.slice(-20_000)).toBe(0);
    }
    await rm(directory, { recursive: true, force: true });
  },
  4 * 3_600_000,
);

async function outcomeOf(program: string, options: string[]): Promise<{ code: number; output: string }> {
  return run(program, options, { maxBuffer: 1 << 28, cwd: tmpdir() }).then(
    ({ stdout }) => ({ code: 0, output: stdout }),
    ({ code, stdout, stderr }) => ({ code: Number(code), output: `${stdout}${stderr}` }),
  );
}
