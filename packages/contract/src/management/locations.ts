import Type, { type Static } from "typebox";
import { Int32, model, optional, StringEnum } from "../schema.ts";
import { managed, paths } from "./operation.ts";
import { pagedList } from "./resource.ts";

export const SupportedSku = model("SupportedSku", "A size of machine.", {
  name: optional(Type.String()),
  familyName: optional(Type.String()),
  capabilities: optional(
    Type.Array(
      model("SkuCapability", "One fact about a size.", {
        name: optional(Type.String()),
        value: optional(Type.String()),
      }),
    ),
  ),
});
export type SupportedSku = Static<typeof SupportedSku>;

const CheckNameAvailabilityResult = model("CheckNameAvailabilityResult", "Whether an account may have a name.", {
  nameAvailable: Type.Boolean(),
  reason: optional(StringEnum(["Invalid", "AlreadyExists"])),
  message: optional(Type.String()),
});

const ProviderOperation = model("Operation", "One thing that can be permitted or refused to a caller.", {
  name: Type.String(),
  isDataAction: Type.Boolean(),
  display: model("OperationDisplay", "How people call it.", {
    provider: Type.String(),
    operation: Type.String(),
    resource: Type.String(),
    description: Type.String(),
  }),
  origin: Type.String(),
});

const location = `${paths.inSubscription}/locations/{locationName}` as const;
const skus = { ...pagedList, $filter: Type.String() };

export const locationOperations = {
  Location_GetQuotas: managed({
    summary: "Tells how many accounts there may be",
    method: "GET",
    path: `${location}/quotas`,
    access: "read",
    status: 200,
    response: model("BatchLocationQuota", "How many accounts a location may have.", { accountQuota: Int32() }),
  }),
  Location_ListSupportedVirtualMachineSkus: managed({
    summary: "Lists the sizes of machines",
    method: "GET",
    path: `${location}/virtualMachineSkus`,
    access: "read",
    query: skus,
    status: 200,
    response: SupportedSku,
    shape: "list",
  }),
  Location_ListSupportedCloudServiceSkus: managed({
    summary: "Lists the sizes of machines of cloud services",
    method: "GET",
    path: `${location}/cloudServiceSkus`,
    access: "read",
    query: skus,
    status: 200,
    response: SupportedSku,
    shape: "list",
    removed: "2024-07-01.20.0",
  }),
  Location_CheckNameAvailability: managed({
    summary: "Tells whether an account may have a name",
    method: "POST",
    path: `${location}/checkNameAvailability`,
    access: "read",
    changesNothing: true,
    body: model("CheckNameAvailabilityParameters", "A name for an account.", {
      name: Type.String(),
      type: optional(StringEnum(["Microsoft.Batch/batchAccounts"])),
    }),
    status: 200,
    response: CheckNameAvailabilityResult,
  }),
  Operations_List: managed({
    summary: "Lists what can be permitted or refused to a caller",
    method: "GET",
    path: `${paths.provider}/operations`,
    access: "read",
    status: 200,
    response: ProviderOperation,
    shape: "list",
  }),
};
