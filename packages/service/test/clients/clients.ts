import { fileURLToPath } from "node:url";
import { type Az, debiansAz, newestAz } from "./installed-az.ts";
import { compiledGo, compiledJava, maven, python } from "./installing.ts";

/** A client of a certain version, and the program that calls each of its operations. */
export interface Client {
  /** Client, version, and how it is used: first cells of its row in docs/clients.md. */
  readonly title: string;
  /** Whether CI runs it, too. */
  readonly isQuick?: true;
  /** Installs the client where that has not been done, and gives the command of the program. Throws when it cannot be had. */
  command(): Promise<readonly string[]>;
  /** Names of operations that cannot pass, and why. */
  readonly cannot?: readonly string[];
  /** What the table says of operations that are left. */
  readonly because?: string;
}

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));

const pythonClient = (title: string, program: string, packages: readonly string[], ...more: readonly string[]) => ({
  title,
  command: async () => [await python(packages), file(`python/${program}`), ...more],
});

const olderPython = (version: string) =>
  pythonClient(`Python \`azure-batch\` | ${version}`, "older_batch.py", [`azure-batch==${version}`]);

const newestPython = ["azure-batch==15.1.0", "aiohttp==3.14.5"];
const managementPython = (version: string, use: "sync" | "async") =>
  pythonClient(
    `Python \`azure-mgmt-batch\` | ${version}, ${use}`,
    "management.py",
    [`azure-mgmt-batch==${version}`, "azure-identity==1.27.0", "aiohttp==3.14.5"],
    use,
  );

/** `az` starts slowly, and so runs all of its commands in the interpreter that it is installed for. */
const az = (title: string, installed: () => Promise<Az>) => ({
  title,
  command: async () => [(await installed()).interpreter, file("az/az_batch.py")],
});

async function javaProgram(name: string, artifacts: readonly string[]): Promise<readonly string[]> {
  const sources = [file(`java/${name}.java`), file("java/Recorder.java")];
  // Serialization of the older clients looks into classes of the platform.
  const opens = ["--add-opens", "java.base/java.util=ALL-UNNAMED"];
  return ["java", ...opens, "-cp", await compiledJava(await maven(artifacts), sources), name];
}

const java = (version: string, signIn: "key" | "token"): Client => ({
  title: `Java \`com.microsoft.azure:azure-batch\` | ${version}, ${signIn}`,
  command: async () => [...(await javaProgram("Batch", [`com.microsoft.azure:azure-batch:${version}`])), signIn],
});

const managementJava: Client = {
  title: "Java `com.azure.resourcemanager:azure-resourcemanager-batch` | 1.1.0-beta.2",
  command: () =>
    javaProgram("Management", [
      "com.azure.resourcemanager:azure-resourcemanager-batch:1.1.0-beta.2",
      "com.azure:azure-identity:1.9.2",
    ]),
};

const go = (title: string, program: string): Client => ({
  title,
  command: async () => [await compiledGo(file("go"), program)],
});

export const clients: readonly Client[] = [
  { ...pythonClient("Python `azure-batch` | 15.1.0, sync", "batch.py", newestPython, "sync"), isQuick: true },
  { ...pythonClient("Python `azure-batch` | 15.1.0, async", "batch.py", newestPython, "async"), isQuick: true },
  olderPython("14.2.0"),
  olderPython("14.1.0"),
  { ...olderPython("13.0.0"), isQuick: true },
  { ...managementPython("19.0.0", "sync"), isQuick: true },
  { ...managementPython("19.0.0", "async"), isQuick: true },
  managementPython("17.3.0", "sync"),
  pythonClient("Python `azure-batch-extensions` | 9.0.0", "batch_extensions.py", [
    "azure-batch-extensions==9.0.0",
    // It needs this as well, and does not say so.
    "azure-multiapi-storage==1.3.1",
  ]),
  {
    ...pythonClient("Airflow's `AzureBatchOperator` and hook | 15.2.0, Airflow 3.3.2", "airflow_batch.py", [
      "apache-airflow==3.3.2",
      "apache-airflow-providers-microsoft-azure==15.2.0",
      "azure-batch==15.1.0",
    ]),
    cannot: ["operator.on_kill"],
    because: "`azure-batch` 15.1.0 fails with a ValueError before it sends a request that ends a job without options",
  },
  {
    ...az("`az batch` | 2.45, Debian's", debiansAz),
    isQuick: true,
    cannot: ["job disable"],
    because: "its required option takes no value in this `az`",
  },
  {
    ...az("`az batch` | 2.91.0", newestAz),
    cannot: ["node file show", "task file show"],
    because: "this `az` takes the answer for a dictionary, and fails with an AttributeError",
  },
  java("11.2.0", "key"),
  java("11.2.0", "token"),
  java("9.0.0", "key"),
  managementJava,
  {
    ...go("Go `services/batch` | 2020-09-01.12.0", "batch"),
    cannot: [
      "file.ListFromComputeNode",
      "file.ListFromComputeNodeComplete",
      "file.ListFromTask",
      "file.ListFromTaskComplete",
      "job.GetAllLifetimeStatistics",
      "pool.GetAllLifetimeStatistics",
    ],
    because: "this client does not read numbers of 64 bits as the service writes them, in strings",
  },
  go("Go `armbatch` | 1.1.0", "armbatch"),
  go("Go `hashicorp/go-azure-sdk`, as in Terraform | v0.20260811", "terraform"),
];
