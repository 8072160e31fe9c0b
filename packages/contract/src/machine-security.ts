import Type, { type Static } from "typebox";
import { model, optional, StringEnum, since } from "./schema.ts";

export const SecurityTypes = StringEnum(["trustedLaunch", "confidentialvm"], {
  lifespans: { confidentialvm: { since: "2024-07-01.20.0" } },
});
export type SecurityTypes = Static<typeof SecurityTypes>;

export const UefiSettings = model("UefiSettings", "What the firmware of a machine checks.", {
  secureBootEnabled: optional(Type.Boolean()),
  vTpmEnabled: optional(Type.Boolean()),
});

export const HostEndpointSettingsModeTypes = StringEnum(["Audit", "Enforce"]);
export type HostEndpointSettingsModeTypes = Static<typeof HostEndpointSettingsModeTypes>;

export const HostEndpointSettings = model(
  "HostEndpointSettings",
  "Who on a machine may call an endpoint of its host.",
  {
    inVMAccessControlProfileReferenceId: optional(Type.String()),
    mode: optional(HostEndpointSettingsModeTypes),
  },
);

export const ProxyAgentSettings = model(
  "ProxyAgentSettings",
  "A guard in front of the endpoints of a machine's host.",
  {
    enabled: optional(Type.Boolean()),
    imds: optional(HostEndpointSettings),
    wireServer: optional(HostEndpointSettings),
  },
);

export const SecurityProfile = model("SecurityProfile", "Security features of the machines.", {
  securityType: optional(SecurityTypes),
  encryptionAtHost: optional(Type.Boolean()),
  uefiSettings: optional(UefiSettings),
  proxyAgentSettings: optional(since("2025-06-01", ProxyAgentSettings)),
});
export type SecurityProfile = Static<typeof SecurityProfile>;
