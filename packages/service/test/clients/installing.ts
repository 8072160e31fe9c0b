import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** Where clients are kept between runs, outside of this tree. */
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "kyanite", "clients");
const run = promisify(execFile);

/** How long one installation may take; CI does not wait for a network that is slow, and skips. */
const timeout = process.env.KYANITE_CLIENTS === "quick" ? 90_000 : 600_000;
const install = (program: string, words: readonly string[], options: { readonly cwd?: string } = {}) =>
  run(program, words, { ...options, timeout, killSignal: "SIGKILL" });

/** What a machine without the network, or without a language's tools, makes of an installation. */
export class CannotBeHad extends Error {}

/**
 * A directory of the cache, filled once: what fails or is cut short leaves nothing that a later run would take for whole.
 */
async function filled(name: string, fill: (directory: string) => Promise<void>): Promise<string> {
  const directory = join(cache, name);
  const mark = join(directory, ".complete");
  const isComplete = await access(mark).then(
    () => true,
    () => false,
  );
  if (isComplete) return directory;
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  await fill(directory).catch((cause: unknown) => {
    throw new CannotBeHad(`${name} cannot be installed`, { cause });
  });
  await writeFile(`${mark}.new`, "");
  await rename(`${mark}.new`, mark);
  return directory;
}

const fileName = (packages: readonly string[]) => packages.join("+").replaceAll(/[^\w.+-]/g, "_");

/** The interpreter of a virtual environment with these packages. */
export async function python(packages: readonly string[]): Promise<string> {
  const directory = await filled(`python-${fileName(packages)}`, async (target) => {
    await install("python3", ["-m", "venv", target]);
    await install(join(target, "bin", "pip"), ["install", "--quiet", "--disable-pip-version-check", ...packages]);
  });
  return join(directory, "bin", "python");
}

/** The class path with these artifacts of Maven's and what they need. */
export async function maven(artifacts: readonly string[]): Promise<string> {
  const directory = await filled(`maven-${fileName(artifacts)}`, async (target) => {
    const project =
      "<modelVersion>4.0.0</modelVersion><groupId>a</groupId><artifactId>a</artifactId><version>1</version>";
    const pom = `<project>${project}<dependencies>${artifacts.map(dependency).join("")}</dependencies></project>`;
    await writeFile(join(target, "pom.xml"), pom);
    const goal = ["dependency:build-classpath", "-Dmdep.outputFile=classpath"];
    await install("mvn", ["--quiet", "--batch-mode", ...goal], { cwd: target });
  });
  return readFile(join(directory, "classpath"), "utf8");
}

function dependency(coordinates: string): string {
  const [group, artifact, version] = coordinates.split(":");
  const names = `<groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>`;
  return `<dependency>${names}</dependency>`;
}

/** Builds a program of a Go module, whose go.mod and go.sum say what it needs, and gives its path. */
export async function compiledGo(moduleDirectory: string, name: string): Promise<string> {
  const needs = createHash("sha256")
    .update(await readFile(join(moduleDirectory, "go.sum")))
    .digest("hex");
  const directory = await filled(`go-${needs.slice(0, 16)}`, async () => {
    await install("go", ["mod", "download"], { cwd: moduleDirectory });
  });
  await run("go", ["build", "-o", join(directory, name), `./${name}`], { cwd: moduleDirectory });
  return join(directory, name);
}

/** Compiles these sources against a class path, and gives the class path to run them with. */
export async function compiledJava(classPath: string, sources: readonly string[]): Promise<string> {
  const target = join(cache, "java-classes", createHash("sha256").update(classPath).digest("hex").slice(0, 16));
  await mkdir(target, { recursive: true });
  await run("javac", ["-nowarn", "-cp", classPath, "-d", target, ...sources]);
  return `${target}:${classPath}`;
}
