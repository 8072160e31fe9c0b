import { ManagementError } from "@kyanite/contract";
import type { ManagementHandlers } from "../handler.ts";

const none = async () => ({ body: { items: [] } });

/** No account has one, so none is found. */
const missing = async () => {
  throw new ManagementError("ResourceNotFound", "Accounts of this service have none.");
};

/** Private endpoints and network perimeters of Azure. Every account answers that it has none. */
export const networkHandlers = {
  PrivateLinkResource_ListByBatchAccount: none,
  PrivateLinkResource_Get: missing,
  PrivateEndpointConnection_ListByBatchAccount: none,
  PrivateEndpointConnection_Get: missing,
  PrivateEndpointConnection_Update: missing,
  PrivateEndpointConnection_Delete: async () => ({ status: 204 }),
  BatchAccount_ListDetectors: none,
  BatchAccount_GetDetector: missing,
  BatchAccount_ListOutboundNetworkDependenciesEndpoints: async ({ origin }) => {
    const { hostname, port, protocol } = new URL(origin);
    const ports = [{ port: Number(port || (protocol === "https:" ? 443 : 80)) }];
    const endpoint = { domainName: hostname, description: "Where agents connect to", endpointDetails: ports };
    return { body: { items: [{ category: "Kyanite", endpoints: [endpoint] }] } };
  },
  NetworkSecurityPerimeter_ListConfigurations: none,
  NetworkSecurityPerimeter_GetConfiguration: missing,
  NetworkSecurityPerimeter_ReconcileConfiguration: missing,
} satisfies Partial<ManagementHandlers>;
