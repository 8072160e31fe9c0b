/** Images of the marketplace that the service knows, as `supportedimages` lists them. */

/** Several SKUs of an offer that go with one node agent. */
export interface ImageGroup {
  readonly publisher: string;
  readonly offer: string;
  readonly skus: readonly string[];
  readonly nodeAgentSKUId: string;
  readonly osType: "linux" | "windows";
  /** What each SKU can do beyond being of the second generation, which its name says. */
  readonly capabilities?: readonly string[];
  readonly batchSupportEndOfLife?: string;
}

const docker = "DockerCompatible";
const hpc = [docker, "SupportsRDMAOnly", "NvidiaTeslaDriverInstalled", "IntelMPIRuntimeInstalled"];

const linux = (
  [publisher, offer]: readonly [string, string],
  skus: readonly string[],
  agent: string,
  more: Pick<ImageGroup, "capabilities" | "batchSupportEndOfLife"> = {},
): ImageGroup => ({ publisher, offer, skus, nodeAgentSKUId: `batch.node.${agent}`, osType: "linux", ...more });

const windows = (offer: string, skus: readonly string[], capabilities: readonly string[] = []): ImageGroup => ({
  publisher: offer.startsWith("dsvm") ? "microsoft-dsvm" : "microsoftwindowsserver",
  offer,
  skus,
  nodeAgentSKUId: "batch.node.windows amd64",
  osType: "windows",
  capabilities,
});

export const imageGroups: readonly ImageGroup[] = [
  linux(["canonical", "ubuntu-24_04-lts"], ["server", "server-gen1"], "ubuntu 24.04"),
  linux(["canonical", "0001-com-ubuntu-server-jammy"], ["22_04-lts", "22_04-lts-gen2"], "ubuntu 22.04"),
  linux(["canonical", "0001-com-ubuntu-server-focal"], ["20_04-lts", "20_04-lts-gen2"], "ubuntu 20.04", {
    batchSupportEndOfLife: "2025-05-31T00:00:00Z",
  }),
  linux(["canonical", "ubuntuserver"], ["18.04-lts", "18_04-lts-gen2"], "ubuntu 18.04", {
    batchSupportEndOfLife: "2023-05-31T00:00:00Z",
  }),
  linux(["canonical", "ubuntuserver"], ["16.04-lts", "16_04-lts-gen2"], "ubuntu 16.04", {
    batchSupportEndOfLife: "2021-05-21T00:00:00Z",
  }),
  linux(["debian", "debian-12"], ["12", "12-gen2"], "debian 12"),
  linux(["debian", "debian-11"], ["11", "11-gen2", "11-backports", "11-backports-gen2"], "debian 11"),
  linux(["debian", "debian-10"], ["10", "10-gen2", "10-backports", "10-backports-gen2"], "debian 10", {
    batchSupportEndOfLife: "2024-06-30T00:00:00Z",
  }),
  linux(["almalinux", "almalinux-x86_64"], ["8-gen1", "8-gen2"], "el 8"),
  linux(["almalinux", "almalinux-x86_64"], ["9-gen1", "9-gen2"], "el 9"),
  linux(["almalinux", "almalinux"], ["8-gen1", "8-gen2", "8_5", "8_5-gen2"], "el 8"),
  linux(["almalinux", "almalinux"], ["9-gen1", "9-gen2"], "el 9"),
  linux(["almalinux", "almalinux-hpc"], ["8_7-hpc-gen1", "8_7-hpc-gen2", "8-hpc-gen2", "8_10-hpc-gen2"], "el 8", {
    capabilities: hpc,
  }),
  linux(["resf", "rockylinux-x86_64"], ["8-base", "8-lvm"], "el 8"),
  linux(["resf", "rockylinux-x86_64"], ["9-base", "9-lvm"], "el 9"),
  linux(["oracle", "oracle-linux"], ["81", "81-gen2", "82", "82-gen2"], "el 8"),
  linux(["openlogic", "centos"], ["7_8", "7_8-gen2", "7_9", "7_9-gen2"], "centos 7", {
    batchSupportEndOfLife: "2024-06-30T00:00:00Z",
  }),
  linux(["openlogic", "centos-hpc"], ["7.7", "7_7-gen2", "7_8", "7_8-gen2", "7_9", "7_9-gen2"], "centos 7", {
    capabilities: hpc,
    batchSupportEndOfLife: "2024-06-30T00:00:00Z",
  }),
  linux(["microsoft-dsvm", "ubuntu-hpc"], ["2204"], "ubuntu 22.04", { capabilities: hpc }),
  linux(["microsoft-dsvm", "ubuntu-hpc"], ["2404"], "ubuntu 24.04", { capabilities: hpc }),
  linux(["microsoft-dsvm", "ubuntu-hpc"], ["2004", "2004-preview-ndv5"], "ubuntu 20.04", {
    capabilities: hpc,
    batchSupportEndOfLife: "2025-05-31T00:00:00Z",
  }),
  linux(["microsoft-dsvm", "ubuntu-hpc"], ["1804"], "ubuntu 18.04", {
    capabilities: hpc,
    batchSupportEndOfLife: "2023-05-31T00:00:00Z",
  }),
  linux(["microsoft-azure-batch", "ubuntu-server-container"], ["20-04-lts"], "ubuntu 20.04", {
    capabilities: [docker, "NvidiaTeslaDriverInstalled"],
    batchSupportEndOfLife: "2025-05-31T00:00:00Z",
  }),
  linux(["microsoft-azure-batch", "ubuntu-server-container-rdma"], ["20-04-lts"], "ubuntu 20.04", {
    capabilities: hpc,
    batchSupportEndOfLife: "2025-05-31T00:00:00Z",
  }),
  linux(["microsoft-azure-batch", "centos-container"], ["7-7", "7-8", "7-9"], "centos 7", {
    capabilities: [docker, "NvidiaTeslaDriverInstalled"],
    batchSupportEndOfLife: "2024-06-30T00:00:00Z",
  }),
  windows("windowsserver", [
    "2016-datacenter",
    "2016-datacenter-smalldisk",
    "2016-datacenter-gensecond",
    "2019-datacenter",
    "2019-datacenter-core",
    "2019-datacenter-smalldisk",
    "2019-datacenter-gensecond",
    "2022-datacenter",
    "2022-datacenter-g2",
    "2022-datacenter-core",
    "2022-datacenter-core-g2",
    "2022-datacenter-smalldisk",
    "2022-datacenter-smalldisk-g2",
    "2022-datacenter-azure-edition",
    "2025-datacenter",
    "2025-datacenter-g2",
  ]),
  windows(
    "windowsserver",
    [
      "2016-datacenter-with-containers",
      "2019-datacenter-with-containers",
      "2019-datacenter-core-with-containers",
      "2022-datacenter-with-containers",
    ],
    [docker],
  ),
  windows("dsvm-win-2019", ["winserver-2019"], ["NvidiaTeslaDriverInstalled"]),
];
