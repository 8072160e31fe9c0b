import {
  type BatchPoolIdentity,
  checkDocument,
  fromManagement,
  invalidProperty,
  type ManagedPool,
  PoolAddParameter,
  PoolPatchParameter,
  type ScaleSettings,
} from "@kyanite/contract";
import { defaultInterval } from "./auto-scale.ts";
import { withDefaults } from "./new-pool.ts";
import type { Pool, PoolIdentity, PoolSpec } from "./pool.ts";

/** Pools as the management plane describes them, in terms of the data plane. */

/** What a pool of the management plane asks for, by the names of the data plane; what is not given is absent. */
type Settings = Readonly<Record<string, unknown>>;

/**
 * The pool to be added that a body of the management plane describes.
 * @throws BatchError with the property that breaks a rule
 */
export function poolToAdd(id: string, body: ManagedPool, accountId: string): PoolSpec {
  const document: unknown = { id, ...settingsOf(body, accountId), ...scaleToAdd(body.properties?.scaleSettings) };
  checkDocument(PoolAddParameter, document);
  const identity = identityOf(body);
  return identity ? { ...document, identity } : document;
}

/**
 * What a body changes in a pool besides its scale: what the pool has already is left out, so that a client may send a
 * pool back as it was.
 * @throws BatchError with a property that can only be given to a new pool
 */
export function changesOf(pool: Pool, body: ManagedPool, accountId: string): PoolPatchParameter & PoolIdentity {
  const settings = settingsOf(body, accountId);
  const wanted: Settings = withDefaults({ ...pool.spec, ...read(settings, pool) });
  const present: Settings = pool.spec;
  const names = Object.keys(settings).filter((name) => !isEqual(wanted[name], present[name]));
  for (const name of ["applicationLicenses", "cloudServiceConfiguration"])
    if (names.includes(name))
      throw invalidProperty(`properties.${name}`, undefined, "Only a new pool may be given this");
  const document: unknown = Object.fromEntries(names.map((name) => [name, settings[name]]));
  checkDocument(PoolPatchParameter, document);
  const identity = identityOf(body);
  const isOther = body.identity !== undefined && !isEqual(identity, pool.spec.identity);
  return isOther ? { ...document, identity } : document;
}

/** The settings as a whole pool would have them. */
function read(settings: Settings, { id, vmSize }: Pool): PoolAddParameter {
  const document: unknown = { id, vmSize, ...settings };
  checkDocument(PoolAddParameter, document);
  return document;
}

/** The identities of nodes as the data plane shows them; none is the same as nothing said. */
function identityOf({ identity }: ManagedPool): BatchPoolIdentity | undefined {
  if (identity?.type !== "UserAssigned") return undefined;
  const ids = Object.keys(identity.userAssignedIdentities ?? {});
  return { type: identity.type, userAssignedIdentities: ids.map((resourceId) => ({ resourceId })) };
}

function settingsOf({ properties = {} }: ManagedPool, accountId: string): Settings {
  const { certificates, applicationPackages, interNodeCommunication, deploymentConfiguration } = properties;
  const same: unknown = fromManagement(PoolAddParameter, { ...properties, ...deploymentConfiguration });
  return given({
    ...(typeof same === "object" ? same : {}),
    enableInterNodeCommunication: interNodeCommunication && interNodeCommunication === "Enabled",
    certificateReferences: certificates && certificateReferences(certificates, accountId),
    applicationPackageReferences: applicationPackages?.map(({ id, version }, index) =>
      given({ applicationId: nameIn(id, accountId, `applicationPackages[${index}]`), version }),
    ),
  });
}

function certificateReferences(
  certificates: NonNullable<NonNullable<ManagedPool["properties"]>["certificates"]>,
  accountId: string,
): unknown {
  return certificates.map(({ id, storeLocation, storeName, visibility }, index) => {
    const [thumbprintAlgorithm, thumbprint] = nameIn(id, accountId, `certificates[${index}]`).split("-");
    const { visibility: shape } = certificateShape;
    return given({
      thumbprintAlgorithm,
      thumbprint,
      storeLocation,
      storeName,
      visibility: fromManagement(shape, visibility),
    });
  });
}

const certificateShape = PoolAddParameter.properties.certificateReferences.items.properties;

/** The name of a resource that must belong to the account. */
function nameIn(id: string, accountId: string, property: string): string {
  const [collection = ""] = property.split("[");
  const kind = collection === "applicationPackages" ? "applications" : collection;
  const prefix = `${accountId}/${kind}/`;
  const name = id.slice(prefix.length);
  if (id.toLowerCase().startsWith(prefix.toLowerCase()) && /^[^/]+$/.test(name)) return name;
  throw invalidProperty(`properties.${property}.id`, id, `It must be ${prefix}NAME`);
}

function scaleToAdd(scale: ScaleSettings | undefined): Settings {
  const { fixedScale, autoScale } = checkedScale(scale) ?? {};
  if (autoScale)
    return given({
      enableAutoScale: true,
      autoScaleFormula: autoScale.formula,
      autoScaleEvaluationInterval: autoScale.evaluationInterval,
    });
  const { targetDedicatedNodes, targetLowPriorityNodes, resizeTimeout } = fixedScale ?? {};
  return given({ targetDedicatedNodes, targetLowPriorityNodes, resizeTimeout });
}

/** @throws BatchError when both kinds are given */
export function checkedScale(scale: ScaleSettings | undefined): ScaleSettings | undefined {
  if (scale?.fixedScale && scale.autoScale)
    throw invalidProperty("properties.scaleSettings", undefined, "Give either fixedScale or autoScale");
  return scale;
}

/** Whether a pool scales by just this formula and interval already. */
export function scalesBy(
  pool: Pool,
  { formula, evaluationInterval }: NonNullable<ScaleSettings["autoScale"]>,
): boolean {
  const { autoScaleFormula, autoScaleEvaluationInterval = defaultInterval } = pool.spec;
  return (
    pool.enableAutoScale &&
    autoScaleFormula === formula &&
    (evaluationInterval === undefined || evaluationInterval === autoScaleEvaluationInterval)
  );
}

const given = (settings: Settings): Settings =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));

/** Whether two documents say the same, in whatever order their members come. */
function isEqual(one: unknown, other: unknown): boolean {
  return JSON.stringify(one, inOrder) === JSON.stringify(other, inOrder);
}

function inOrder(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
