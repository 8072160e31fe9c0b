import { BatchError, type SupportedSku } from "@kyanite/contract";
import { isAccountName } from "../../../domain/account/new-account.ts";
import { type VmSize, vmSizes } from "../../../domain/catalogue/vm-sizes.ts";
import { type Filter, matches } from "../../../domain/filter.ts";
import { readAccount } from "../../../store/accounts.ts";
import type { ManagementContext, ManagementHandlers } from "../handler.ts";

export const locationHandlers = ({ database, quotas }: ManagementContext) =>
  ({
    Location_GetQuotas: async () => ({ body: { accountQuota: quotas.accountQuota } }),

    Location_ListSupportedVirtualMachineSkus: async ({ list }) => {
      const { filter, limit, after } = list;
      const skus = vmSizes.map(wireSku).filter((sku) => !filter || fits(filter, sku));
      const start = Number(after ?? 0);
      const end = start + limit;
      return { body: { items: skus.slice(start, end), ...(end < skus.length ? { next: String(end) } : {}) } };
    },

    // There are no pools of cloud services any more.
    Location_ListSupportedCloudServiceSkus: async () => ({ body: { items: [] } }),

    Location_CheckNameAvailability: async ({ body }) => {
      if (!isAccountName(body.name))
        return {
          body: {
            nameAvailable: false,
            reason: "Invalid",
            message: "An account's name is 3 to 24 small letters and digits.",
          },
        };
      const isTaken = (await readAccount(database, body.name)) !== undefined;
      return {
        body: isTaken
          ? { nameAvailable: false, reason: "AlreadyExists", message: `An account named ${body.name} exists already.` }
          : { nameAvailable: true },
      };
    },

    Operations_List: async () => ({ body: { items: providerOperations } }),
  }) satisfies Partial<ManagementHandlers>;

/** @throws BatchError for a filter of anything but `familyName` */
function fits(filter: Filter, sku: SupportedSku): boolean {
  if (/familyName/i.test(JSON.stringify(filter))) return matches(filter, sku);
  throw new BatchError("InvalidQueryParameterValue", {
    QueryParameterName: "$filter",
    Reason: "Only familyName can be filtered by",
  });
}

function wireSku({ name, family, cores, memoryGiB, temporaryDiskGiB }: VmSize): SupportedSku {
  const capabilities = { vCPUs: cores, MemoryGB: memoryGiB, MaxResourceVolumeMB: temporaryDiskGiB * 1024 };
  return {
    name,
    familyName: family,
    capabilities: Object.entries(capabilities).map(([fact, value]) => ({ name: fact, value: String(value) })),
  };
}

const actions = [
  ["batchAccounts", "Batch Account", ["read", "write", "delete", "listkeys/action", "regeneratekeys/action"]],
  ["batchAccounts/applications", "Application", ["read", "write", "delete"]],
  ["batchAccounts/applications/versions", "Application Package", ["read", "write", "delete", "activate/action"]],
  ["batchAccounts/pools", "Pool", ["read", "write", "delete"]],
  ["batchAccounts/certificates", "Certificate", ["read", "write", "delete"]],
] as const;

const providerOperations = actions.flatMap(([type, resource, verbs]) =>
  verbs.map((verb) => ({
    name: `Microsoft.Batch/${type}/${verb}`,
    isDataAction: false,
    display: { provider: "Microsoft Batch", operation: verb, resource, description: `${verb} on ${resource}` },
    origin: "user,system",
  })),
);
