import Type, { type Static } from "typebox";
import { Int32, model, optional, required, StringEnum, secret } from "./schema.ts";

export const AutoUserScope = StringEnum(["task", "pool"]);
export type AutoUserScope = Static<typeof AutoUserScope>;

export const ElevationLevel = StringEnum(["nonadmin", "admin"]);
export type ElevationLevel = Static<typeof ElevationLevel>;

export const LoginMode = StringEnum(["batch", "interactive"]);
export type LoginMode = Static<typeof LoginMode>;

export const AutoUserSpecification = model(
  "AutoUserSpecification",
  "An account that the service makes for a run by itself.",
  {
    scope: optional(AutoUserScope, "One account for all tasks on a node, or a new one for each task."),
    elevationLevel: optional(ElevationLevel),
  },
);
export type AutoUserSpecification = Static<typeof AutoUserSpecification>;

export const UserIdentity = model(
  "UserIdentity",
  "As whom a run runs: a named account of the pool, or an automatic one.",
  {
    username: optional(Type.String({ minLength: 1 })),
    autoUser: optional(AutoUserSpecification),
  },
);
export type UserIdentity = Static<typeof UserIdentity>;

export const LinuxUserConfiguration = model("LinuxUserConfiguration", "What an account has on Linux nodes only.", {
  uid: optional(Int32({ minimum: 0 }), "Goes together with `gid`."),
  gid: optional(Int32({ minimum: 0 })),
  sshPrivateKey: optional(secret(Type.String()), "Lets the account log in from node to node without a password."),
});
export type LinuxUserConfiguration = Static<typeof LinuxUserConfiguration>;

export const WindowsUserConfiguration = model(
  "WindowsUserConfiguration",
  "What an account has on Windows nodes only.",
  {
    loginMode: optional(LoginMode),
  },
);
export type WindowsUserConfiguration = Static<typeof WindowsUserConfiguration>;

export const UserAccount = model("UserAccount", "An account that is made on every node of a pool.", {
  name: Type.String({ minLength: 1, maxLength: 20 }),
  password: required(secret(Type.String()), "Never returned."),
  elevationLevel: optional(ElevationLevel),
  linuxUserConfiguration: optional(LinuxUserConfiguration),
  windowsUserConfiguration: optional(WindowsUserConfiguration),
});
export type UserAccount = Static<typeof UserAccount>;
