import {
  BatchError,
  type ImageInformation,
  invalidProperty,
  type VirtualMachineConfiguration,
} from "@kyanite/contract";
import { type ImageGroup, imageGroups } from "./image-catalogue.ts";

/** The operating systems of which providers have nodes; images of others are known, but neither listed nor taken. */
const providedSystems: readonly string[] = ["linux"];

/** One element for each image, as `supportedimages` lists them. */
export const supportedImages: readonly ImageInformation[] = imageGroups
  .filter(({ osType }) => providedSystems.includes(osType))
  .flatMap((group) => group.skus.map((sku) => imageInformation(group, sku)));

function imageInformation(group: ImageGroup, sku: string): ImageInformation {
  const { publisher, offer, nodeAgentSKUId, osType, batchSupportEndOfLife } = group;
  const isSecondGeneration = /gen2|gensecond|-g2$/.test(sku) || sku === "server";
  const capabilities = [...(group.capabilities ?? []), ...(isSecondGeneration ? ["Generation2VMImage"] : [])];
  return {
    nodeAgentSKUId,
    imageReference: { publisher, offer, sku, version: "latest" },
    osType,
    ...(capabilities.length > 0 ? { capabilities } : {}),
    ...(batchSupportEndOfLife === undefined ? {} : { batchSupportEndOfLife }),
    verificationType: "verified",
  };
}

/**
 * An image of the marketplace must be one the service knows, and go with its agent; images of one's own go with any
 * known agent. Whichever it is, nodes run the system of the machine they are on.
 * @throws BatchError
 */
export function checkImage({ imageReference, nodeAgentSKUId }: VirtualMachineConfiguration): void {
  const agent = nodeAgentSKUId.toLowerCase();
  const ofAgent = imageGroups.find((group) => group.nodeAgentSKUId === agent);
  if (!ofAgent)
    throw new BatchError("NodeAgentSKUNotFound", {
      PropertyName: "virtualMachineConfiguration.nodeAgentSKUId",
      PropertyValue: nodeAgentSKUId,
    });
  const isOwn = isOwnImage(imageReference);
  if (!isOwn) checkMarketplaceImage(imageReference, agent);
  if (!providedSystems.includes(ofAgent.osType))
    throw new BatchError("UnsupportedProperty", {
      PropertyName: "virtualMachineConfiguration.nodeAgentSKUId",
      PropertyValue: nodeAgentSKUId,
      Reason: "No provider has nodes with Windows",
    });
}

const computeId = "/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\\.Compute";

/** Ids of images of one's own: the form of each, and how it is told. */
const ownImages = {
  virtualMachineImageId: [
    new RegExp(`^${computeId}/(images/[^/]+|galleries/[^/]+/images/[^/]+(/versions/[^/]+)?)$`, "i"),
    "/subscriptions/…/resourceGroups/…/providers/Microsoft.Compute, then /images/NAME or /galleries/NAME/images/NAME/versions/VERSION",
  ],
  sharedGalleryImageId: [
    /^\/sharedgalleries\/[^/]+\/images\/[^/]+(\/versions\/[^/]+)?$/i,
    "/SharedGalleries/NAME/Images/NAME/Versions/VERSION",
  ],
  communityGalleryImageId: [
    /^\/communitygalleries\/[^/]+\/images\/[^/]+(\/versions\/[^/]+)?$/i,
    "/CommunityGalleries/NAME/Images/NAME/Versions/VERSION",
  ],
} as const;

/** @throws BatchError for an id of an image that has not the form of one */
function isOwnImage(image: VirtualMachineConfiguration["imageReference"]): boolean {
  const given = (["virtualMachineImageId", "sharedGalleryImageId", "communityGalleryImageId"] as const).filter(
    (name) => image[name] !== undefined,
  );
  for (const name of given) {
    const [form, told] = ownImages[name];
    if (!form.test(image[name] ?? ""))
      throw invalidProperty(
        `virtualMachineConfiguration.imageReference.${name}`,
        image[name],
        `It must have the form ${told}`,
      );
  }
  return given.length > 0;
}

function checkMarketplaceImage(
  { publisher, offer, sku }: VirtualMachineConfiguration["imageReference"],
  agent: string,
): void {
  const groups = imageGroups.filter(
    (group) =>
      group.publisher === publisher?.toLowerCase() &&
      group.offer === offer?.toLowerCase() &&
      group.skus.includes(sku?.toLowerCase() ?? ""),
  );
  const [group] = groups;
  if (!group)
    throw invalidProperty(
      "virtualMachineConfiguration.imageReference",
      { publisher, offer, sku },
      "Not one of the supported images",
    );
  if (group.nodeAgentSKUId !== agent)
    throw invalidProperty(
      "virtualMachineConfiguration.nodeAgentSKUId",
      agent,
      `The image goes with the node agent ${group.nodeAgentSKUId}`,
    );
}
