import {
  BatchError,
  type ImageInformation,
  invalidProperty,
  type VirtualMachineConfiguration,
} from "@kyanite/contract";

interface Image {
  readonly publisher: string;
  readonly offer: string;
  readonly skus: readonly string[];
  readonly nodeAgentSKUId: string;
  readonly osType: "linux" | "windows";
}

/** Marketplace images that the service runs pools of, and the agent that goes with each. */
const images: readonly Image[] = [
  linux("canonical", "0001-com-ubuntu-server-focal", ["20_04-lts", "20_04-lts-gen2"], "batch.node.ubuntu 20.04"),
  linux("canonical", "0001-com-ubuntu-server-jammy", ["22_04-lts", "22_04-lts-gen2"], "batch.node.ubuntu 22.04"),
  linux("canonical", "ubuntu-24_04-lts", ["server", "server-gen1"], "batch.node.ubuntu 24.04"),
  linux("canonical", "ubuntuserver", ["18.04-lts", "18_04-lts-gen2", "16.04-lts"], "batch.node.ubuntu 18.04"),
  linux("debian", "debian-10", ["10", "10-gen2"], "batch.node.debian 10"),
  linux("debian", "debian-11", ["11", "11-gen2"], "batch.node.debian 11"),
  linux("debian", "debian-12", ["12", "12-gen2"], "batch.node.debian 12"),
  linux("almalinux", "almalinux", ["8-gen1", "8-gen2"], "batch.node.el 8"),
  linux("almalinux", "almalinux-x86_64", ["8-gen1", "8-gen2"], "batch.node.el 8"),
  linux("almalinux", "almalinux-hpc", ["8-hpc-gen2", "8_10-hpc-gen2"], "batch.node.el 8"),
  linux("openlogic", "centos", ["7_8", "7_9"], "batch.node.centos 7"),
  linux("microsoft-dsvm", "ubuntu-hpc", ["2004", "2204"], "batch.node.ubuntu 20.04"),
  linux("microsoft-azure-batch", "ubuntu-server-container", ["20-04-lts"], "batch.node.ubuntu 20.04"),
  {
    publisher: "microsoftwindowsserver",
    offer: "windowsserver",
    skus: ["2016-datacenter", "2019-datacenter", "2022-datacenter"],
    nodeAgentSKUId: "batch.node.windows amd64",
    osType: "windows",
  },
];

function linux(publisher: string, offer: string, skus: readonly string[], nodeAgentSKUId: string): Image {
  return { publisher, offer, skus, nodeAgentSKUId, osType: "linux" };
}

/** One element for each image, as `supportedimages` lists them. */
export const supportedImages: readonly ImageInformation[] = images.flatMap(
  ({ publisher, offer, skus, nodeAgentSKUId, osType }) =>
    skus.map((sku) => ({
      nodeAgentSKUId,
      imageReference: { publisher, offer, sku, version: "latest" },
      osType,
      verificationType: "verified" as const,
    })),
);

/**
 * An image of the marketplace must be one the service knows, and go with its agent; images of one's own go with any
 * known agent.
 * @throws BatchError
 */
export function checkImage({ imageReference, nodeAgentSKUId }: VirtualMachineConfiguration): void {
  const agent = nodeAgentSKUId.toLowerCase();
  if (!images.some((image) => image.nodeAgentSKUId === agent))
    throw new BatchError("NodeAgentSKUNotFound", {
      PropertyName: "virtualMachineConfiguration.nodeAgentSKUId",
      PropertyValue: nodeAgentSKUId,
    });
  const { publisher, offer, sku, virtualMachineImageId } = imageReference;
  if (virtualMachineImageId !== undefined) return;
  const image = images.find(
    (each) =>
      each.publisher === publisher?.toLowerCase() &&
      each.offer === offer?.toLowerCase() &&
      each.skus.includes(sku?.toLowerCase() ?? ""),
  );
  if (!image)
    throw invalidProperty(
      "virtualMachineConfiguration.imageReference",
      { publisher, offer, sku },
      "Not one of the supported images",
    );
  if (image.nodeAgentSKUId !== agent)
    throw invalidProperty(
      "virtualMachineConfiguration.nodeAgentSKUId",
      nodeAgentSKUId,
      `The image goes with the node agent ${image.nodeAgentSKUId}`,
    );
}
