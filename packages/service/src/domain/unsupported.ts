import { BatchError } from "@kyanite/contract";

/**
 * Properties that the API has and this server does not do yet. They are refused, so that nothing is accepted and then
 * ignored; whoever implements one deletes its row.
 */
interface Unsupported {
  /** Property names joined by dots; `[]` after a name means each element of that array. */
  readonly path: string;
  readonly reason: string;
  /** Values that ask for nothing beyond what the server does anyway. */
  readonly harmless?: readonly unknown[];
}

const containers = "Container tasks are not supported yet";
const identities = "Managed identities are not supported; give a URL with a signature";
const hardware = "Nodes are not machines of Azure: this cannot be chosen";
const network = "Nodes use the network of the machine they run on";

/** What no kind of run does: task, start task, job manager, preparation and release task. */
const run: readonly Unsupported[] = [
  { path: "containerSettings", reason: containers },
  { path: "resourceFiles[].identityReference", reason: identities },
];

/** What neither an ordinary task nor a job manager does. */
const withoutInstances: readonly Unsupported[] = [
  ...run,
  { path: "outputFiles[].destination.container.identityReference", reason: identities },
];

const task: readonly Unsupported[] = [
  ...withoutInstances,
  { path: "multiInstanceSettings.commonResourceFiles[].identityReference", reason: identities },
];

const machine: readonly Unsupported[] = [
  { path: "containerConfiguration", reason: containers },
  { path: "dataDisks", reason: hardware },
  { path: "diskEncryptionConfiguration.targets", reason: hardware },
  { path: "diskEncryptionConfiguration.customerManagedKey", reason: hardware },
  { path: "extensions", reason: hardware },
  { path: "hardwareProfile", reason: hardware },
  { path: "osDisk.managedDisk.diskEncryptionSet", reason: hardware },
  { path: "osDisk.managedDisk.securityProfile", reason: hardware },
  { path: "placement", reason: hardware },
  { path: "resiliencyPolicy", reason: hardware },
  { path: "securityProfile", reason: hardware },
  { path: "serviceArtifactReference", reason: hardware },
];

const pool: readonly Unsupported[] = [
  ...under("startTask", run),
  ...under("virtualMachineConfiguration", machine),
  { path: "applicationLicenses", reason: "Licences of applications are not for rent here" },
  { path: "mountConfiguration[].azureBlobFileSystemConfiguration.identityReference", reason: identities },
  { path: "networkConfiguration.dynamicVNetAssignmentScope", reason: network, harmless: ["none"] },
  { path: "networkConfiguration.endpointConfiguration", reason: network },
  { path: "networkConfiguration.publicIPAddressConfiguration.ipAddressIds", reason: network },
  { path: "networkConfiguration.publicIPAddressConfiguration.ipFamilies", reason: network },
  { path: "networkConfiguration.publicIPAddressConfiguration.ipTags", reason: network },
  {
    path: "networkConfiguration.publicIPAddressConfiguration.provision",
    reason: network,
    harmless: ["BatchManaged", "NoPublicIPAddresses"],
  },
  { path: "networkConfiguration.subnetId", reason: network },
  { path: "vmSkuProfile", reason: hardware },
];

const job: readonly Unsupported[] = [
  ...under("jobManagerTask", withoutInstances),
  ...under("jobPreparationTask", run),
  ...under("jobReleaseTask", run),
  { path: "networkConfiguration", reason: network },
];

/** By the kind of resource whose body has them. */
export const unsupportedProperties = { pool, job, task };

function under(property: string, rows: readonly Unsupported[]): Unsupported[] {
  return rows.map((row) => ({ ...row, path: `${property}.${row.path}` }));
}

/**
 * Refuses a body that asks for what is not supported. Absent, `false` and empty lists ask for nothing.
 * @param body of a request that adds or changes such a resource
 * @throws BatchError UnsupportedProperty with the property and the reason
 */
export function checkSupported(resource: keyof typeof unsupportedProperties, body: object): void {
  for (const { path, reason, harmless = [] } of unsupportedProperties[resource])
    for (const { name, value } of valuesAt(body, path.split("."), ""))
      if (asksForSomething(value) && !harmless.includes(value))
        throw new BatchError("UnsupportedProperty", { PropertyName: name, Reason: reason });
}

interface Found {
  /** With the numbers of array elements, as errors name properties. */
  readonly name: string;
  readonly value: unknown;
}

function valuesAt(value: unknown, steps: readonly string[], name: string): Found[] {
  const [step, ...rest] = steps;
  if (step === undefined) return [{ name, value }];
  const key = step.replace("[]", "");
  const members: [string, unknown][] = typeof value === "object" && value !== null ? Object.entries(value) : [];
  const member = members.find(([each]) => each === key)?.[1];
  const place = name === "" ? key : `${name}.${key}`;
  if (key === step) return member === undefined ? [] : valuesAt(member, rest, place);
  return (Array.isArray(member) ? member : []).flatMap((item, index) => valuesAt(item, rest, `${place}[${index}]`));
}

function asksForSomething(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && !(Array.isArray(value) && value.length === 0);
}
