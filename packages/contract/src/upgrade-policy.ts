import Type, { type Static } from "typebox";
import { Duration, Int32, model, optional, StringEnum } from "./schema.ts";

export const UpgradeMode = StringEnum(["automatic", "manual", "rolling"]);
export type UpgradeMode = Static<typeof UpgradeMode>;

export const AutomaticOSUpgradePolicy = model(
  "AutomaticOSUpgradePolicy",
  "How the system image is brought up to date.",
  {
    disableAutomaticRollback: optional(Type.Boolean()),
    enableAutomaticOSUpgrade: optional(Type.Boolean()),
    useRollingUpgradePolicy: optional(Type.Boolean()),
    osRollingUpgradeDeferral: optional(Type.Boolean(), "Whether a node is upgraded only when no task runs on it."),
  },
);

export const RollingUpgradePolicy = model("RollingUpgradePolicy", "How many machines are upgraded at a time.", {
  enableCrossZoneUpgrade: optional(Type.Boolean()),
  maxBatchInstancePercent: optional(Int32({ minimum: 5, maximum: 100 })),
  maxUnhealthyInstancePercent: optional(Int32({ minimum: 5, maximum: 100 })),
  maxUnhealthyUpgradedInstancePercent: optional(Int32({ minimum: 0, maximum: 100 })),
  pauseTimeBetweenBatches: optional(Duration()),
  prioritizeUnhealthyInstances: optional(Type.Boolean()),
  rollbackFailedInstancesOnPolicyBreach: optional(Type.Boolean()),
});

export const UpgradePolicy = model("UpgradePolicy", "How the machines of a pool are brought up to date.", {
  mode: UpgradeMode,
  automaticOSUpgradePolicy: optional(AutomaticOSUpgradePolicy),
  rollingUpgradePolicy: optional(RollingUpgradePolicy),
});
export type UpgradePolicy = Static<typeof UpgradePolicy>;
