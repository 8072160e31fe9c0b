import Type, { type Static } from "typebox";
import { Int32, model, optional, required, StringEnum, since } from "./schema.ts";

export const DynamicVNetAssignmentScope = StringEnum(["none", "job"]);
export type DynamicVNetAssignmentScope = Static<typeof DynamicVNetAssignmentScope>;

export const InboundEndpointProtocol = StringEnum(["tcp", "udp"]);
export type InboundEndpointProtocol = Static<typeof InboundEndpointProtocol>;

export const NetworkSecurityGroupRuleAccess = StringEnum(["allow", "deny"]);
export type NetworkSecurityGroupRuleAccess = Static<typeof NetworkSecurityGroupRuleAccess>;

export const NetworkSecurityGroupRule = model("NetworkSecurityGroupRule", "Who may reach an inbound endpoint.", {
  priority: required(Int32({ minimum: 150, maximum: 4096 }), "Lower is looked at first."),
  access: NetworkSecurityGroupRuleAccess,
  sourceAddressPrefix: required(Type.String(), "Address, range, service tag or `*`."),
  sourcePortRanges: optional(Type.Array(Type.String()), "`*` when absent."),
});

/** Ports 50000 to 55000 are kept for the service. */
const FrontendPort = Type.Integer({
  minimum: 1,
  maximum: 65_534,
  not: { minimum: 50_000, maximum: 55_000 },
});

/** Two ports on which the node agent listens. */
const BackendPort = Type.Integer({ minimum: 1, maximum: 65_535, not: { enum: [29_876, 29_877] } });

export const InboundNATPool = model("InboundNATPool", "Makes one port of every node reachable from outside.", {
  name: Type.String({ pattern: "^[A-Za-z0-9]([A-Za-z0-9_.-]{0,75}[A-Za-z0-9_])?$" }),
  protocol: InboundEndpointProtocol,
  backendPort: required(BackendPort, "The port on the node."),
  frontendPortRangeStart: required(FrontendPort, "First of the outside ports, one of which each node gets."),
  frontendPortRangeEnd: required(FrontendPort, "Last of the outside ports."),
  networkSecurityGroupRules: optional(Type.Array(NetworkSecurityGroupRule, { maxItems: 25 })),
});
export type InboundNATPool = Static<typeof InboundNATPool>;

export const PoolEndpointConfiguration = model("PoolEndpointConfiguration", "What is reachable from outside.", {
  inboundNATPools: Type.Array(InboundNATPool, { maxItems: 5 }),
});

export const IPAddressProvisioningType = StringEnum(["BatchManaged", "UserManaged", "NoPublicIPAddresses"]);
export type IPAddressProvisioningType = Static<typeof IPAddressProvisioningType>;

export const IPFamily = StringEnum(["IPv4", "IPv6"]);

export const IPTag = model("IPTag", "A label of a public address.", {
  ipTagType: optional(Type.String()),
  tag: optional(Type.String()),
});

export const PublicIPAddressConfiguration = model("PublicIPAddressConfiguration", "Where public addresses come from.", {
  provision: optional(IPAddressProvisioningType),
  ipAddressIds: optional(Type.Array(Type.String()), "Needed by `usermanaged`; each serves 100 nodes of a kind."),
  ipFamilies: optional(since("2025-06-01", Type.Array(IPFamily))),
  ipTags: optional(since("2025-06-01", Type.Array(IPTag))),
});

export const NetworkConfiguration = model("NetworkConfiguration", "The network of a pool.", {
  subnetId: optional(Type.String(), "Management-plane id of the subnet that nodes join."),
  dynamicVNetAssignmentScope: optional(DynamicVNetAssignmentScope),
  endpointConfiguration: optional(PoolEndpointConfiguration),
  publicIPAddressConfiguration: optional(PublicIPAddressConfiguration),
  enableAcceleratedNetworking: optional(since("2023-05-01.17.0", Type.Boolean())),
});
export type NetworkConfiguration = Static<typeof NetworkConfiguration>;

export const NodeCommunicationMode = StringEnum(["default", "classic", "simplified"]);
export type NodeCommunicationMode = Static<typeof NodeCommunicationMode>;
