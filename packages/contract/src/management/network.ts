import Type, { type Static } from "typebox";
import { Int32, model, optional, readOnly, StringEnum } from "../schema.ts";
import { managed, paths } from "./operation.ts";
import { pagedList, resource } from "./resource.ts";

const PrivateLinkResource = resource("PrivateLinkResource", "What a private link to an account leads to.", {
  groupId: optional(readOnly(Type.String())),
  requiredMembers: optional(readOnly(Type.Array(Type.String()))),
  requiredZoneNames: optional(readOnly(Type.Array(Type.String()))),
});

const PrivateEndpointConnection = resource("PrivateEndpointConnection", "A private link to an account.", {
  provisioningState: optional(
    readOnly(StringEnum(["Creating", "Updating", "Deleting", "Succeeded", "Failed", "Cancelled"])),
  ),
  privateEndpoint: optional(
    model("PrivateEndpoint", "The endpoint of a private link.", { id: optional(readOnly(Type.String())) }),
  ),
  groupIds: optional(readOnly(Type.Array(Type.String()))),
  privateLinkServiceConnectionState: optional(
    model("PrivateLinkServiceConnectionState", "Whether a private link is approved.", {
      status: StringEnum(["Approved", "Pending", "Rejected", "Disconnected"]),
      description: optional(Type.String()),
      actionsRequired: optional(readOnly(Type.String())),
    }),
  ),
});

const Detector = resource("DetectorResponse", "What a check of an account's health has found.", {
  value: optional(Type.String()),
});

const OutboundEnvironmentEndpoint = model("OutboundEnvironmentEndpoint", "Where nodes must be able to connect to.", {
  category: Type.String(),
  endpoints: Type.Array(
    model("EndpointDependency", "An address that nodes use.", {
      domainName: Type.String(),
      description: Type.String(),
      endpointDetails: Type.Array(model("EndpointDetail", "A port that nodes use.", { port: Int32() })),
    }),
  ),
});
export type OutboundEnvironmentEndpoint = Static<typeof OutboundEnvironmentEndpoint>;

const PerimeterConfiguration = resource("NetworkSecurityPerimeterConfiguration", "An account in a perimeter.", {});

const endpoint = `${paths.account}/privateEndpointConnections/{privateEndpointConnectionName}` as const;
const perimeter =
  `${paths.account}/networkSecurityPerimeterConfigurations/{networkSecurityPerimeterConfigurationName}` as const;

export const networkOperations = {
  PrivateLinkResource_ListByBatchAccount: managed({
    summary: "Lists what private links can lead to",
    method: "GET",
    path: `${paths.account}/privateLinkResources`,
    access: "read",
    query: pagedList,
    status: 200,
    response: PrivateLinkResource,
    shape: "list",
  }),
  PrivateLinkResource_Get: managed({
    summary: "Gets what private links can lead to",
    method: "GET",
    path: `${paths.account}/privateLinkResources/{privateLinkResourceName}`,
    access: "read",
    status: 200,
    response: PrivateLinkResource,
  }),
  PrivateEndpointConnection_ListByBatchAccount: managed({
    summary: "Lists the private links to an account",
    method: "GET",
    path: `${paths.account}/privateEndpointConnections`,
    access: "read",
    query: pagedList,
    status: 200,
    response: PrivateEndpointConnection,
    shape: "list",
  }),
  PrivateEndpointConnection_Get: managed({
    summary: "Gets a private link to an account",
    method: "GET",
    path: endpoint,
    access: "read",
    status: 200,
    response: PrivateEndpointConnection,
  }),
  PrivateEndpointConnection_Update: managed({
    summary: "Approves or rejects a private link",
    method: "PATCH",
    path: endpoint,
    access: "operate",
    body: PrivateEndpointConnection,
    status: 200,
    response: PrivateEndpointConnection,
  }),
  PrivateEndpointConnection_Delete: managed({
    summary: "Deletes a private link",
    method: "DELETE",
    path: endpoint,
    access: "operate",
    status: 204,
  }),
  BatchAccount_ListDetectors: managed({
    summary: "Lists the checks of an account's health",
    method: "GET",
    path: `${paths.account}/detectors`,
    access: "read",
    status: 200,
    response: Detector,
    shape: "list",
  }),
  BatchAccount_GetDetector: managed({
    summary: "Gets a check of an account's health",
    method: "GET",
    path: `${paths.account}/detectors/{detectorId}`,
    access: "read",
    status: 200,
    response: Detector,
  }),
  BatchAccount_ListOutboundNetworkDependenciesEndpoints: managed({
    summary: "Lists where nodes must be able to connect to",
    method: "GET",
    path: `${paths.account}/outboundNetworkDependenciesEndpoints`,
    access: "read",
    status: 200,
    response: OutboundEnvironmentEndpoint,
    shape: "list",
  }),
  NetworkSecurityPerimeter_ListConfigurations: managed({
    summary: "Lists the perimeters that an account is in",
    method: "GET",
    path: `${paths.account}/networkSecurityPerimeterConfigurations`,
    access: "read",
    status: 200,
    response: PerimeterConfiguration,
    shape: "list",
    since: "2024-07-01.20.0",
  }),
  NetworkSecurityPerimeter_GetConfiguration: managed({
    summary: "Gets a perimeter that an account is in",
    method: "GET",
    path: perimeter,
    access: "read",
    status: 200,
    response: PerimeterConfiguration,
    since: "2024-07-01.20.0",
  }),
  NetworkSecurityPerimeter_ReconcileConfiguration: managed({
    summary: "Takes over the rules of a perimeter again",
    method: "POST",
    path: `${perimeter}/reconcile`,
    access: "operate",
    status: 202,
    since: "2024-07-01.20.0",
  }),
};
