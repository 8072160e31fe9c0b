import Type, { type TSchema } from "typebox";
import { isRecord } from "../per-version.ts";
import type { SchemaNode } from "../schema.ts";

/**
 * The management plane describes pools with the models of the data plane, but some names and values it writes in
 * another way. This file is the only place that knows which.
 */

/** Names of members by the title of their model: the data plane's, and the management plane's. */
const names: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  CIFSMountConfiguration: { username: "userName" },
  ImageReference: { virtualMachineImageId: "id" },
  NetworkConfiguration: { dynamicVNetAssignmentScope: "dynamicVnetAssignmentScope" },
  PoolEndpointConfiguration: { inboundNATPools: "inboundNatPools" },
  UserIdentity: { username: "userName" },
  VirtualMachineConfiguration: { nodeAgentSKUId: "nodeAgentSkuId" },
};

/** Whole enumerations as the management plane spells them; those that are not here are the same. */
const enumerations: readonly (readonly string[])[] = [
  ["Task", "Pool"],
  ["NonAdmin", "Admin"],
  ["Batch", "Interactive"],
  ["None", "ReadOnly", "ReadWrite"],
  ["Standard_LRS", "Premium_LRS", "StandardSSD_LRS"],
  ["OsDisk", "TemporaryDisk"],
  ["CacheDisk"],
  ["Default", "Classic", "Simplified"],
  ["TCP", "UDP"],
  ["Allow", "Deny"],
  ["DockerCompatible", "CriCompatible"],
  ["TaskWorkingDirectory", "ContainerImageDefault"],
  ["Requeue", "Terminate", "TaskCompletion", "RetainedData"],
  ["StartTask", "Task", "RemoteUser"],
  ["trustedLaunch", "confidentialVM"],
  ["None", "CreationTime"],
];

/** A schema of the data plane as the management plane has it. What fits it is read with {@link fromManagement}. */
export const inManagement = (schema: TSchema) => Type.Unsafe<unknown>(respelt(schema));

/** A value of a schema of the data plane, as the management plane writes it. Members that are not in the schema go. */
export function toManagement(schema: SchemaNode, value: unknown): unknown {
  return translated(schema, value, {
    member: (own, theirs) => [own, theirs],
    spelling: (text) => spellingsOf(schema.enum).get(text.toLowerCase()),
    inner: toManagement,
  });
}

/** The opposite of {@link toManagement}. */
export function fromManagement(schema: SchemaNode, value: unknown): unknown {
  return translated(schema, value, {
    member: (own, theirs) => [theirs, own],
    spelling: (text) => schema.enum?.map(String).find((each) => each.toLowerCase() === text.toLowerCase()),
    inner: fromManagement,
  });
}

interface Translation {
  /** Name of a member before and after, from the data plane's and the management plane's name. */
  readonly member: (own: string, theirs: string) => readonly [before: string, after: string];
  readonly spelling: (text: string) => string | undefined;
  readonly inner: (schema: SchemaNode, value: unknown) => unknown;
}

function translated(schema: SchemaNode, value: unknown, { member, spelling, inner }: Translation): unknown {
  const { items, properties } = schema;
  if (items && Array.isArray(value)) return value.map((item) => inner(items, item));
  if (schema.enum && typeof value === "string") return spelling(value) ?? value;
  if (!properties || !isRecord(value)) return value;
  const members = Object.entries(properties).flatMap(([own, property]) => {
    const [before, after] = member(own, nameOf(schema, own));
    return value[before] === undefined ? [] : [[after, inner(property, value[before])]];
  });
  return Object.fromEntries(members);
}

function respelt(schema: SchemaNode): SchemaNode {
  const { items, properties, required, lifespans } = schema;
  if (items) return { ...schema, items: respelt(items) };
  if (schema.enum) {
    const spellings = spellingsOf(schema.enum);
    const spelt = (value: unknown) => spellings.get(String(value).toLowerCase()) ?? String(value);
    return {
      ...schema,
      enum: schema.enum.map(spelt),
      ...(lifespans
        ? {
            lifespans: Object.fromEntries(
              Object.entries(lifespans).map(([value, lifespan]) => [spelt(value), lifespan]),
            ),
          }
        : {}),
    };
  }
  if (!properties) return schema;
  const members = Object.entries(properties).map(([own, property]) => [nameOf(schema, own), respelt(property)]);
  return {
    ...schema,
    properties: Object.fromEntries(members),
    ...(required ? { required: required.map((own) => nameOf(schema, own)) } : {}),
  };
}

const nameOf = ({ title = "" }: SchemaNode, own: string) => names[title]?.[own] ?? own;

/** By the small letters of each value. */
function spellingsOf(values: readonly unknown[] = []): ReadonlyMap<string, string> {
  const own = values.map((value) => String(value).toLowerCase());
  const enumeration = enumerations.find((each) =>
    own.every((value) => each.some((text) => text.toLowerCase() === value)),
  );
  return new Map((enumeration ?? []).map((text) => [text.toLowerCase(), text]));
}
