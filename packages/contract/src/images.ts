import Type, { type Static } from "typebox";
import { DateTime, model, optional, readOnly, StringEnum, since } from "./schema.ts";

export const OSType = StringEnum(["linux", "windows"]);
export type OSType = Static<typeof OSType>;

export const VerificationType = StringEnum(["verified", "unverified"]);
export type VerificationType = Static<typeof VerificationType>;

export const ImageReference = model(
  "ImageReference",
  "The operating system image of a machine: one of the marketplace, or one of a gallery.",
  {
    publisher: optional(Type.String()),
    offer: optional(Type.String()),
    sku: optional(Type.String()),
    version: optional(Type.String(), "`latest` when absent."),
    virtualMachineImageId: optional(Type.String()),
    exactVersion: optional(readOnly(Type.String()), "The version that `latest` stood for."),
    sharedGalleryImageId: optional(since("2024-07-01.20.0", Type.String())),
    communityGalleryImageId: optional(since("2024-07-01.20.0", Type.String())),
  },
);
export type ImageReference = Static<typeof ImageReference>;

export const ImageInformation = model("ImageInformation", "An image that nodes may use, and the agent SKU it needs.", {
  nodeAgentSKUId: Type.String(),
  imageReference: ImageReference,
  osType: OSType,
  capabilities: optional(Type.Array(Type.String())),
  batchSupportEndOfLife: optional(DateTime()),
  verificationType: VerificationType,
});
export type ImageInformation = Static<typeof ImageInformation>;
