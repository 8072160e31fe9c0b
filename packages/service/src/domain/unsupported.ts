import { BatchError } from "@kyanite/contract";

/** A property of the API that has no effect here. Delete its row when you implement it. */
interface Unsupported {
  /** Property names joined by dots; `[]` after a name means each element of that array. */
  readonly path: string;
  readonly reason: string;
  /** Values that ask for nothing beyond what the server does anyway. */
  readonly harmless?: readonly unknown[];
}

const registries = "Managed identities are not supported; give a user name and a password";
const identities = "Managed identities are not supported; give a URL with a signature";
const hardware = "Nodes are not machines of Azure: this cannot be chosen";
const network = "Nodes use the network of the machine they run on";

const files: readonly Unsupported[] = [{ path: "resourceFiles[].identityReference", reason: identities }];

/** What neither a start task nor a preparation or release task does. */
const run: readonly Unsupported[] = [
  { path: "containerSettings.registry.identityReference", reason: registries },
  ...files,
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

const pool: readonly Unsupported[] = [
  ...under("startTask", run),
  {
    path: "virtualMachineConfiguration.containerConfiguration.containerRegistries[].identityReference",
    reason: registries,
  },
  { path: "virtualMachineConfiguration.hardwareProfile", reason: hardware },
  { path: "mountConfiguration[].azureBlobFileSystemConfiguration.identityReference", reason: identities },
  { path: "vmSkuProfile", reason: hardware },
];

const job: readonly Unsupported[] = [
  ...under("jobManagerTask", withoutInstances),
  ...under("jobPreparationTask", run),
  ...under("jobReleaseTask", run),
];

/** Without these a task would run in another way than it was told to, so they are refused, by the kind of resource. */
export const refusedProperties = { pool, job, task };

const machine: readonly Unsupported[] = [
  { path: "dataDisks", reason: hardware },
  { path: "diskEncryptionConfiguration", reason: hardware },
  { path: "extensions", reason: hardware },
  { path: "nodePlacementConfiguration.policy", reason: hardware, harmless: ["Regional"] },
  { path: "osDisk", reason: hardware },
  { path: "placement", reason: hardware },
  { path: "resiliencyPolicy", reason: hardware },
  { path: "securityProfile", reason: hardware },
  { path: "serviceArtifactReference", reason: hardware },
];

const poolHardware: readonly Unsupported[] = [
  ...under("virtualMachineConfiguration", machine),
  { path: "applicationLicenses", reason: "Licences of applications are not for rent here" },
  { path: "networkConfiguration.dynamicVNetAssignmentScope", reason: network, harmless: ["none"] },
  { path: "networkConfiguration.enableAcceleratedNetworking", reason: network },
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
];

/** Only what is said of an identity elsewhere, as in `identityReference`, asks nodes to use one. */
const poolIdentity: Unsupported = {
  path: "identity.userAssignedIdentities",
  reason: "There are no managed identities: nodes are not machines of Azure",
};

const jobHardware: readonly Unsupported[] = [
  ...under("poolInfo.autoPoolSpecification.pool", poolHardware),
  { path: "networkConfiguration", reason: network },
];

/**
 * These only describe the hardware that Azure would rent. A task sees no difference, so they are kept and shown, unless
 * the operator wants them refused.
 */
export const describingProperties = {
  pool: [...poolHardware, poolIdentity],
  job: jobHardware,
  jobSchedule: under("jobSpecification", jobHardware),
};

function under(property: string, rows: readonly Unsupported[]): Unsupported[] {
  return rows.map((row) => ({ ...row, path: `${property}.${row.path}` }));
}

/**
 * Refuses a body that asks for what is not supported. Absent, `false`, empty lists and empty objects ask for nothing.
 * @param body of a request that adds or changes such a resource
 * @throws BatchError UnsupportedProperty with the property and the reason
 */
export function checkSupported(resource: keyof typeof refusedProperties, body: object): void {
  refuseFirst(askedFor(refusedProperties[resource], body));
}

/** What an operator wants to become of properties that only describe hardware. */
export type UnsupportedPolicy = "ignore" | "refuse";

/**
 * Refuses a body that describes hardware, where the operator wants that.
 * @throws BatchError UnsupportedProperty with the property and the reason
 */
export function checkDescriptions(
  policy: UnsupportedPolicy,
  resource: keyof typeof describingProperties,
  body: object,
): void {
  if (policy === "refuse") refuseFirst(askedFor(describingProperties[resource], body));
}

/** Names of the properties of a pool that have no effect here. */
export function propertiesWithoutEffect(pool: object): string[] {
  return askedFor(describingProperties.pool, pool).map(({ name }) => name);
}

function refuseFirst([first]: readonly Asked[]): void {
  if (first) throw new BatchError("UnsupportedProperty", { PropertyName: first.name, Reason: first.reason });
}

interface Found {
  /** With the numbers of array elements, as errors name properties. */
  readonly name: string;
  readonly value: unknown;
}

interface Asked extends Found {
  readonly reason: string;
}

function askedFor(rows: readonly Unsupported[], body: object): readonly Asked[] {
  return rows.flatMap(({ path, reason, harmless = [] }) =>
    valuesAt(body, path.split("."), "")
      .filter(({ value }) => asksForSomething(value) && !harmless.includes(value))
      .map((found) => ({ ...found, reason })),
  );
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
  if (typeof value === "object" && value !== null)
    return Array.isArray(value) ? value.length > 0 : Object.values(value).some(asksForSomething);
  return value !== undefined && value !== null && value !== false;
}
