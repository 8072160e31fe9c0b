import { execFile } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { copyFile, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { basename, delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { readTextIfExists } from "@kyanite/runtime";

const run = promisify(execFile);
const name = "kyanite-redirect";

/** How Linux distributions are told of an authority: a directory, and the program that reads it. */
const systems = [
  { directory: "/usr/local/share/ca-certificates", program: "update-ca-certificates", args: [] },
  { directory: "/etc/pki/ca-trust/source/anchors", program: "update-ca-trust", args: ["extract"] },
];

/** Where programs of the machine look for authorities, as far as it has such places. */
export function trustStores(): readonly string[] {
  const system = findSystem();
  const java = findJavaStore();
  return [
    ...(system ? [`${system.directory}/${name}.crt, and what ${system.program} makes of it`] : []),
    ...(java === undefined ? [] : [`${java}, the trust store of Java`]),
  ];
}

/**
 * Lets the machine trust an authority.
 * @param directory where what has to be put back is kept
 */
export async function trust(authority: string, directory: string): Promise<void> {
  const kept = keptIn(directory);
  const java = findJavaStore();
  if (java !== undefined) {
    // The system's program may change it, too.
    await copyFile(java, kept.before);
    await writeFile(kept.path, java);
  }
  const system = findSystem();
  await writeFile(kept.authority, authority);
  if (system) {
    await copyFile(kept.authority, join(system.directory, `${name}.crt`));
    await run(system.program, system.args);
  }
  if (java === undefined) return;
  await keytool(java, "-importcert", "-alias", name, "-file", kept.authority);
  await copyFile(java, kept.after);
}

/** Takes it back, also half of it. Java's store is as it was, unless somebody else has changed it meanwhile. */
export async function distrust(directory: string): Promise<void> {
  const kept = keptIn(directory);
  const java = await readTextIfExists(kept.path);
  const [now, after, before] = await Promise.all(
    [java ?? "", kept.after, kept.before].map((file) => readFile(file).catch(() => undefined)),
  );
  if (java !== undefined && before !== undefined && after !== undefined && now?.equals(after))
    await writeFile(java, before);
  else if (java !== undefined)
    for (const alias of [name, `debian:${name}.pem`]) await keytool(java, "-delete", "-alias", alias).catch(() => {});
  for (const file of Object.values(kept)) await rm(file, { force: true });
  const system = findSystem();
  if (!system) return;
  await rm(join(system.directory, `${name}.crt`), { force: true });
  await removeLinks("/etc/ssl/certs");
  await run(system.program, system.args);
}

const keptIn = (directory: string) => ({
  authority: join(directory, "authority.pem"),
  before: join(directory, "cacerts"),
  after: join(directory, "cacerts.after"),
  path: join(directory, "cacerts.path"),
});

const keytool = (store: string, ...args: readonly string[]) =>
  run("keytool", [...args, "-noprompt", "-keystore", store, "-storepass", "changeit"]);

/** Debian's program makes links for an authority, and leaves them when it is gone. */
async function removeLinks(directory: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  for (const link of entries.filter((entry) => entry.isSymbolicLink())) {
    const path = join(directory, link.name);
    if (basename(await readlink(path)).replace(/\.\w+$/, "") === name) await rm(path);
  }
}

const findSystem = () =>
  systems.find(({ directory, program }) => existsSync(directory) && findProgram(program) !== undefined);

/** That of the Java that programs start, if it can be changed. */
function findJavaStore(): string | undefined {
  const java = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, "bin", "java") : findProgram("java");
  if (java === undefined || !existsSync(java) || findProgram("keytool") === undefined) return undefined;
  const store = join(dirname(realpathSync(java)), "..", "lib", "security", "cacerts");
  return existsSync(store) ? realpathSync(store) : undefined;
}

const findProgram = (program: string) =>
  (process.env.PATH ?? "")
    .split(delimiter)
    .map((place) => join(place, program))
    .find((path) => existsSync(path));
