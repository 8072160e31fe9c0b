import { type BatchAccount, ManagementError } from "@kyanite/contract";
import { type Account, allowedModes } from "../../../domain/account/account.ts";
import { isoTime } from "../../../domain/time.ts";
import {
  beginDeleteAccount,
  checkKeysAllowed,
  createAccount,
  regenerateKey,
  synchronizeKeys,
  updateAccount,
} from "../../../lifecycle/account.ts";
import { listAccounts } from "../../../store/accounts.ts";
import { pageOf } from "../../lists.ts";
import { accountId, type ManagementCall, type ManagementContext, type ManagementHandlers } from "../handler.ts";
import { isUnderWay, resultLocation } from "./operation-results.ts";

export const accountHandlers = ({ database, storage, quotas, defaultAccountName }: ManagementContext) => {
  const wire = (account: Account, origin: string) =>
    wireAccount(account, endpointOf(origin, account.name, defaultAccountName), quotas);
  const pageOfAccounts = async (
    place: { readonly subscriptionId: string; readonly resourceGroup?: string },
    { list, mayRead, origin }: Pick<ManagementCall, "list" | "mayRead" | "origin">,
  ) => {
    const accounts = await listAccounts(database, { ...place, ...list, limit: list.limit + 1 });
    const page = pageOf(
      accounts,
      list.limit,
      ({ name }) => name,
      (account) => account,
    );
    const items = page.items.filter(({ name }) => mayRead(name)).map((each) => wire(each, origin));
    return { body: { ...page, items } };
  };
  const limits = { storageNames: storage.names, accountQuota: quotas.accountQuota };
  return {
    BatchAccount_Create: async ({ account, params, body, origin, now, transaction }) => {
      const place = {
        name: params.accountName,
        subscriptionId: params.subscriptionId,
        resourceGroup: params.resourceGroupName,
      };
      // As a template that is deployed again: what is there gets the given properties.
      const made = await transaction((sql) =>
        account
          ? updateAccount(sql, account.name, body, { ...limits, now })
          : createAccount(sql, place, body, { ...limits, now }),
      );
      return { body: wire(made, origin) };
    },

    BatchAccount_Update: async ({ account, body, origin, now, transaction }) => {
      const changed = await transaction((sql) => updateAccount(sql, account.name, body, { ...limits, now }));
      return { body: wire(changed, origin) };
    },

    BatchAccount_Delete: async ({ account, transaction }) => {
      if (!account) return { status: 204 };
      await transaction((sql) => beginDeleteAccount(sql, account.name));
      return { location: resultLocation(account, { kind: "account", pk: account.pk }) };
    },

    BatchAccount_GetOperationResult: async ({ account, params }) => {
      if (!account || !(await isUnderWay(database, account, params.operationId))) return { status: 204 };
      return { status: 202, location: `${accountId(account)}/operationResults/${params.operationId}` };
    },

    BatchAccount_Get: async ({ account, origin }) => ({ body: wire(account, origin) }),

    BatchAccount_List: ({ params: { subscriptionId }, list, mayRead, origin }) =>
      pageOfAccounts({ subscriptionId }, { list, mayRead, origin }),

    BatchAccount_ListByResourceGroup: ({ params, list, mayRead, origin }) => {
      const { subscriptionId, resourceGroupName: resourceGroup } = params;
      return pageOfAccounts({ subscriptionId, resourceGroup }, { list, mayRead, origin });
    },

    BatchAccount_SynchronizeAutoStorageKeys: async ({ account, now, transaction }) => {
      await transaction((sql) => synchronizeKeys(sql, account.name, now));
      return {};
    },

    BatchAccount_RegenerateKey: async ({ account, body, transaction }) => ({
      body: wireKeys(await transaction((sql) => regenerateKey(sql, account.name, body.keyName))),
    }),

    BatchAccount_GetKeys: async ({ account }) => {
      checkKeysAllowed(account);
      return { body: wireKeys(account) };
    },
  } satisfies Partial<ManagementHandlers>;
};

function wireKeys({ name, keys }: Account) {
  const [primary, secondary] = keys;
  if (primary === undefined || secondary === undefined) throw new ManagementError("InternalServerError");
  return { accountName: name, primary, secondary };
}

function wireAccount(account: Account, endpoint: string, quotas: ManagementContext["quotas"]): BatchAccount {
  const { location, tags, properties = {} } = account.spec;
  return {
    id: accountId(account),
    name: account.name,
    type: "Microsoft.Batch/batchAccounts",
    location,
    ...(tags ? { tags } : {}),
    identity: { type: "None" },
    properties: {
      accountEndpoint: endpoint,
      nodeManagementEndpoint: endpoint,
      provisioningState: account.state === "deleting" ? "Deleting" : "Succeeded",
      poolAllocationMode: "BatchService",
      publicNetworkAccess: "Enabled",
      ...(properties.networkProfile ? { networkProfile: properties.networkProfile } : {}),
      privateEndpointConnections: [],
      ...autoStorageOf(account),
      encryption: { keySource: "Microsoft.Batch" },
      dedicatedCoreQuota: quotas.dedicatedCoreQuota,
      lowPriorityCoreQuota: quotas.lowPriorityCoreQuota,
      dedicatedCoreQuotaPerVMFamily: [],
      dedicatedCoreQuotaPerVMFamilyEnforced: false,
      poolQuota: quotas.poolQuota,
      activeJobAndJobScheduleQuota: quotas.activeJobAndJobScheduleQuota,
      allowedAuthenticationModes: [...allowedModes(account)],
    },
  };
}

/**
 * Where an account answers; clients put the scheme before it. The host is the one that the client has reached, since names
 * below it, also below `localhost`, are not known everywhere; an account of which it says nothing is named by the path.
 */
function endpointOf(origin: string, name: string, defaultAccountName: string): string {
  const { host } = new URL(origin);
  return name === defaultAccountName ? host : `${host}/accounts/${name}`;
}

function autoStorageOf(account: Account): Pick<BatchAccount["properties"], "autoStorage"> {
  const { storageAccount, lastKeySync, spec, subscriptionId, resourceGroup } = account;
  if (storageAccount === null || lastKeySync === null) return {};
  const group = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`;
  const ownId = `${group}/providers/Microsoft.Storage/storageAccounts/${storageAccount}`;
  return {
    autoStorage: {
      storageAccountId: spec.properties?.autoStorage?.storageAccountId ?? ownId,
      authenticationMode: "StorageKeys",
      lastKeySync: isoTime(lastKeySync),
    },
  };
}
