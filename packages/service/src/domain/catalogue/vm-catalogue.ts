/**
 * Machine sizes of Azure that pools may name, as they are documented there: what a node of each would have. Only the
 * cores decide anything here; the rest is what clients are told.
 */

/** Sizes named `Standard_<prefix><cores><suffix>`, whose memory and temporary disk grow with their cores. */
export interface SizeSeries {
  /** Name of the family in quotas. */
  readonly family: string;
  readonly prefix: string;
  readonly suffix: string;
  readonly cores: readonly number[];
  readonly memoryPerCore: number;
  /** GiB; 0 for sizes without one. */
  readonly diskPerCore: number;
}

const upTo = (most: number, steps: readonly number[]) => steps.filter((cores) => cores <= most);
const general = [2, 4, 8, 16, 32, 48, 64, 96, 128, 192];
const memory = [2, 4, 8, 16, 20, 32, 48, 64, 96, 104, 128, 192];

function series(
  family: string,
  name: string,
  cores: readonly number[],
  [memoryPerCore, diskPerCore]: readonly [number, number],
): SizeSeries {
  const [prefix = "", suffix = ""] = name.split("#");
  return { family: `standard${family}Family`, prefix, suffix, cores, memoryPerCore, diskPerCore };
}

/** `#` stands for the number of cores. */
export const sizeSeries: readonly SizeSeries[] = [
  series("DV3", "D#_v3", upTo(64, general), [4, 25]),
  series("DSv3", "D#s_v3", upTo(64, general), [4, 8]),
  series("DV4", "D#_v4", upTo(64, general), [4, 0]),
  series("DSv4", "D#s_v4", upTo(64, general), [4, 0]),
  series("DDV4", "D#d_v4", upTo(64, general), [4, 37.5]),
  series("DDSv4", "D#ds_v4", upTo(64, general), [4, 37.5]),
  series("DAv4", "D#a_v4", upTo(96, general), [4, 25]),
  series("DASv4", "D#as_v4", upTo(96, general), [4, 8]),
  series("Dv5", "D#_v5", upTo(96, general), [4, 0]),
  series("DSv5", "D#s_v5", upTo(96, general), [4, 0]),
  series("DDv5", "D#d_v5", upTo(96, general), [4, 37.5]),
  series("DDSv5", "D#ds_v5", upTo(96, general), [4, 37.5]),
  series("DASv5", "D#as_v5", upTo(96, general), [4, 0]),
  series("DADSv5", "D#ads_v5", upTo(96, general), [4, 37.5]),
  series("DLSv5", "D#ls_v5", upTo(96, general), [2, 0]),
  series("DLDSv5", "D#lds_v5", upTo(96, general), [2, 37.5]),
  series("DPSv5", "D#ps_v5", upTo(64, general), [4, 0]),
  series("DPDSv5", "D#pds_v5", upTo(64, general), [4, 37.5]),
  series("DPLSv5", "D#pls_v5", upTo(64, general), [2, 0]),
  series("DPLDSv5", "D#plds_v5", upTo(64, general), [2, 37.5]),
  series("Dsv6", "D#s_v6", general, [4, 0]),
  series("Ddsv6", "D#ds_v6", general, [4, 55]),
  series("Dlsv6", "D#ls_v6", general, [2, 0]),
  series("Dldsv6", "D#lds_v6", general, [2, 55]),
  series("Dasv6", "D#as_v6", upTo(96, general), [4, 0]),
  series("Dadsv6", "D#ads_v6", upTo(96, general), [4, 55]),
  series("Dalsv6", "D#als_v6", upTo(96, general), [2, 0]),
  series("Daldsv6", "D#alds_v6", upTo(96, general), [2, 55]),
  series("EV3", "E#_v3", upTo(64, memory), [8, 25]),
  series("ESv3", "E#s_v3", upTo(64, memory), [8, 16]),
  series("EV4", "E#_v4", upTo(64, memory), [8, 0]),
  series("ESv4", "E#s_v4", upTo(64, memory), [8, 0]),
  series("EDV4", "E#d_v4", upTo(64, memory), [8, 37.5]),
  series("EDSv4", "E#ds_v4", upTo(64, memory), [8, 37.5]),
  series("EAv4", "E#a_v4", upTo(96, memory), [8, 25]),
  series("EASv4", "E#as_v4", upTo(96, memory), [8, 16]),
  series("Ev5", "E#_v5", upTo(104, memory), [8, 0]),
  series("ESv5", "E#s_v5", upTo(104, memory), [8, 0]),
  series("EDv5", "E#d_v5", upTo(104, memory), [8, 37.5]),
  series("EDSv5", "E#ds_v5", upTo(104, memory), [8, 37.5]),
  series("EASv5", "E#as_v5", upTo(96, memory), [8, 0]),
  series("EADSv5", "E#ads_v5", upTo(96, memory), [8, 37.5]),
  series("EBSv5", "E#bs_v5", upTo(112, [2, 4, 8, 16, 32, 48, 64, 96, 112]), [8, 0]),
  series("EBDSv5", "E#bds_v5", upTo(112, [2, 4, 8, 16, 32, 48, 64, 96, 112]), [8, 37.5]),
  series("EPSv5", "E#ps_v5", upTo(32, memory), [8, 0]),
  series("EPDSv5", "E#pds_v5", upTo(32, memory), [8, 37.5]),
  series("Esv6", "E#s_v6", memory, [8, 0]),
  series("Edsv6", "E#ds_v6", memory, [8, 55]),
  series("Easv6", "E#as_v6", upTo(96, memory), [8, 0]),
  series("Eadsv6", "E#ads_v6", upTo(96, memory), [8, 55]),
  series("F", "F#", [1, 2, 4, 8, 16], [2, 16]),
  series("FS", "F#s", [1, 2, 4, 8, 16], [2, 4]),
  series("FSv2", "F#s_v2", [2, 4, 8, 16, 32, 48, 64, 72], [2, 8]),
  series("Fasv6", "F#as_v6", [2, 4, 8, 16, 32, 48, 64], [4, 0]),
  series("Falsv6", "F#als_v6", [2, 4, 8, 16, 32, 48, 64], [2, 0]),
  series("Famsv6", "F#ams_v6", [2, 4, 8, 16, 32, 48, 64], [8, 0]),
  series("FXMDVS", "FX#mds", [4, 12, 24, 36, 48], [21, 42]),
  series("LS", "L#s", [4, 8, 16, 32], [8, 175]),
  series("LSv2", "L#s_v2", [8, 16, 32, 48, 64, 80], [8, 10]),
  series("LSv3", "L#s_v3", [8, 16, 32, 48, 64, 80], [8, 10]),
  series("LASv3", "L#as_v3", [8, 16, 32, 48, 64, 80], [8, 10]),
  series("NPS", "NP#s", [10, 20, 40], [16.8, 73.6]),
];

/** Sizes that follow no rule: family, then name, cores, GiB of memory and of temporary disk. */
export const singleSizes: Readonly<Record<string, readonly (readonly [string, number, number, number])[]>> = {
  basicAFamily: [
    ["Basic_A0", 1, 0.75, 20],
    ["Basic_A1", 1, 1.75, 40],
    ["Basic_A2", 2, 3.5, 60],
    ["Basic_A3", 4, 7, 120],
    ["Basic_A4", 8, 14, 240],
  ],
  standardA0_A7Family: [
    ["Small", 1, 1.75, 225],
    ["Medium", 2, 3.5, 490],
    ["Large", 4, 7, 1000],
    ["ExtraLarge", 8, 14, 2040],
    ["Standard_A1", 1, 1.75, 70],
    ["Standard_A2", 2, 3.5, 135],
    ["Standard_A3", 4, 7, 285],
    ["Standard_A4", 8, 14, 605],
    ["Standard_A5", 2, 14, 135],
    ["Standard_A6", 4, 28, 285],
    ["Standard_A7", 8, 56, 605],
  ],
  standardA8_A11Family: [
    ["Standard_A8", 8, 56, 382],
    ["Standard_A9", 16, 112, 382],
    ["Standard_A10", 8, 56, 382],
    ["Standard_A11", 16, 112, 382],
  ],
  standardAv2Family: [
    ["Standard_A1_v2", 1, 2, 10],
    ["Standard_A2_v2", 2, 4, 20],
    ["Standard_A4_v2", 4, 8, 40],
    ["Standard_A8_v2", 8, 16, 80],
    ["Standard_A2m_v2", 2, 16, 20],
    ["Standard_A4m_v2", 4, 32, 40],
    ["Standard_A8m_v2", 8, 64, 80],
  ],
  standardBSFamily: [
    ["Standard_B1ls", 1, 0.5, 4],
    ["Standard_B1s", 1, 1, 4],
    ["Standard_B1ms", 1, 2, 4],
    ["Standard_B2s", 2, 4, 8],
    ["Standard_B2ms", 2, 8, 16],
    ["Standard_B4ms", 4, 16, 32],
    ["Standard_B8ms", 8, 32, 64],
    ["Standard_B12ms", 12, 48, 96],
    ["Standard_B16ms", 16, 64, 128],
    ["Standard_B20ms", 20, 80, 160],
  ],
  ...numberedD("standardDFamily", "D", "", [50, 100, 200, 400, 800]),
  ...numberedD("standardDSFamily", "DS", "", [7, 14, 28, 56, 112]),
  ...numberedD("standardDv2Family", "D", "_v2", [50, 100, 200, 400, 800]),
  ...numberedD("standardDSv2Family", "DS", "_v2", [7, 14, 28, 56, 112]),
  standardGFamily: [
    ["Standard_G1", 2, 28, 384],
    ["Standard_G2", 4, 56, 768],
    ["Standard_G3", 8, 112, 1536],
    ["Standard_G4", 16, 224, 3072],
    ["Standard_G5", 32, 448, 6144],
  ],
  standardGSFamily: [
    ["Standard_GS1", 2, 28, 56],
    ["Standard_GS2", 4, 56, 112],
    ["Standard_GS3", 8, 112, 224],
    ["Standard_GS4", 16, 224, 448],
    ["Standard_GS5", 32, 448, 896],
  ],
  standardHFamily: [
    ["Standard_H8", 8, 56, 1000],
    ["Standard_H16", 16, 112, 2000],
    ["Standard_H8m", 8, 112, 1000],
    ["Standard_H16m", 16, 224, 2000],
    ["Standard_H16r", 16, 112, 2000],
    ["Standard_H16mr", 16, 224, 2000],
  ],
  standardHBSFamily: [["Standard_HB60rs", 60, 228, 700]],
  standardHBrsv2Family: [["Standard_HB120rs_v2", 120, 456, 480]],
  standardHBv3Family: [
    ["Standard_HB120rs_v3", 120, 448, 480],
    ["Standard_HB120-96rs_v3", 96, 448, 480],
    ["Standard_HB120-64rs_v3", 64, 448, 480],
    ["Standard_HB120-32rs_v3", 32, 448, 480],
    ["Standard_HB120-16rs_v3", 16, 448, 480],
  ],
  standardHBv4Family: [["Standard_HB176rs_v4", 176, 768, 480]],
  standardHXFamily: [["Standard_HX176rs", 176, 1408, 480]],
  standardHCSFamily: [["Standard_HC44rs", 44, 352, 700]],
  standardMSFamily: [
    ["Standard_M8ms", 8, 218.75, 256],
    ["Standard_M16ms", 16, 437.5, 512],
    ["Standard_M32ts", 32, 192, 1024],
    ["Standard_M32ls", 32, 256, 1024],
    ["Standard_M32ms", 32, 875, 1024],
    ["Standard_M64", 64, 1024, 7168],
    ["Standard_M64m", 64, 1792, 7168],
    ["Standard_M64s", 64, 1024, 2048],
    ["Standard_M64ls", 64, 512, 2048],
    ["Standard_M64ms", 64, 1792, 2048],
    ["Standard_M128", 128, 2048, 14336],
    ["Standard_M128m", 128, 3892, 14336],
    ["Standard_M128s", 128, 2048, 4096],
    ["Standard_M128ms", 128, 3892, 4096],
  ],
  standardMSv2Family: [
    ["Standard_M208s_v2", 208, 2850, 4096],
    ["Standard_M208ms_v2", 208, 5700, 4096],
    ["Standard_M416s_v2", 416, 5700, 8192],
    ["Standard_M416ms_v2", 416, 11400, 8192],
    ["Standard_M32ms_v2", 32, 875, 0],
    ["Standard_M64s_v2", 64, 1024, 0],
    ["Standard_M64ms_v2", 64, 1792, 0],
    ["Standard_M128s_v2", 128, 2048, 0],
    ["Standard_M128ms_v2", 128, 3892, 0],
    ["Standard_M192is_v2", 192, 2048, 0],
    ["Standard_M192ims_v2", 192, 4096, 0],
  ],
  standardMDSMediumMemoryv2Family: [
    ["Standard_M32dms_v2", 32, 875, 1024],
    ["Standard_M64ds_v2", 64, 1024, 2048],
    ["Standard_M64dms_v2", 64, 1792, 2048],
    ["Standard_M128ds_v2", 128, 2048, 4096],
    ["Standard_M128dms_v2", 128, 3892, 4096],
    ["Standard_M192ids_v2", 192, 2048, 4096],
    ["Standard_M192idms_v2", 192, 4096, 4096],
  ],
  standardNCFamily: [
    ["Standard_NC6", 6, 56, 340],
    ["Standard_NC12", 12, 112, 680],
    ["Standard_NC24", 24, 224, 1440],
    ["Standard_NC24r", 24, 224, 1440],
  ],
  standardNCSv2Family: gpu(
    "NC",
    "s_v2",
    [
      [6, 112, 736],
      [12, 224, 1474],
      [24, 448, 2948],
    ],
    "NC24rs_v2",
  ),
  standardNCSv3Family: gpu(
    "NC",
    "s_v3",
    [
      [6, 112, 736],
      [12, 224, 1474],
      [24, 448, 2948],
    ],
    "NC24rs_v3",
  ),
  "Standard NCASv3_T4 Family": [
    ["Standard_NC4as_T4_v3", 4, 28, 176],
    ["Standard_NC8as_T4_v3", 8, 56, 352],
    ["Standard_NC16as_T4_v3", 16, 110, 352],
    ["Standard_NC64as_T4_v3", 64, 440, 2816],
  ],
  StandardNCADSA100v4Family: gpu("NC", "ads_A100_v4", [
    [24, 220, 64],
    [48, 440, 128],
    [96, 880, 256],
  ]),
  StandardNCadsH100v5Family: [
    ["Standard_NC40ads_H100_v5", 40, 320, 3576],
    ["Standard_NC80adis_H100_v5", 80, 640, 7152],
  ],
  standardNDSFamily: gpu(
    "ND",
    "s",
    [
      [6, 112, 736],
      [12, 224, 1474],
      [24, 448, 2948],
    ],
    "ND24rs",
  ),
  standardNDSv2Family: [["Standard_ND40rs_v2", 40, 672, 2948]],
  "Standard NDASv4_A100 Family": [["Standard_ND96asr_v4", 96, 900, 6000]],
  "Standard NDAMSv4_A100Family": [["Standard_ND96amsr_A100_v4", 96, 1900, 6400]],
  standardNDSH100v5Family: [["Standard_ND96isr_H100_v5", 96, 1900, 28000]],
  standardNDISRH200V5Family: [["Standard_ND96isr_H200_v5", 96, 1850, 28000]],
  standardNVFamily: gpu("NV", "", [
    [6, 56, 340],
    [12, 112, 680],
    [24, 224, 1440],
  ]),
  standardNVSv3Family: gpu("NV", "s_v3", [
    [12, 112, 320],
    [24, 224, 640],
    [48, 448, 1280],
  ]),
  standardNVSv4Family: gpu("NV", "as_v4", [
    [4, 14, 88],
    [8, 28, 176],
    [16, 56, 352],
    [32, 112, 704],
  ]),
  StandardNVADSA10v5Family: [
    ...gpu("NV", "ads_A10_v5", [
      [6, 55, 180],
      [12, 110, 360],
      [18, 220, 720],
      [36, 440, 720],
      [72, 880, 1400],
    ]),
    ["Standard_NV36adms_A10_v5", 36, 880, 720],
  ],
};

type SingleSize = readonly [string, number, number, number];

/** The first D families number their sizes: 1 to 5 with 3.5 GiB a core, 11 to 15 with 7. */
function numberedD(
  family: string,
  prefix: string,
  suffix: string,
  disks: readonly number[],
): Record<string, readonly SingleSize[]> {
  const size = (number: number, cores: number, memoryPerCore: number, disk: number): SingleSize => [
    `Standard_${prefix}${number}${suffix}`,
    cores,
    cores * memoryPerCore,
    disk,
  ];
  const [one = 0, two = 0, four = 0, eight = 0, sixteen = 0] = disks;
  const isSecond = suffix === "_v2";
  return {
    [family]: [
      size(1, 1, 3.5, one),
      size(2, 2, 3.5, two),
      size(3, 4, 3.5, four),
      size(4, 8, 3.5, eight),
      ...(isSecond ? [size(5, 16, 3.5, sixteen)] : []),
      size(11, 2, 7, two),
      size(12, 4, 7, four),
      size(13, 8, 7, eight),
      size(14, 16, 7, sixteen),
      ...(isSecond ? [size(15, 20, 7, (sixteen * 5) / 4)] : []),
    ],
  };
}

/** Sizes of a family with processors for graphics: cores, memory and disk; and one with a faster network. */
function gpu(
  prefix: string,
  suffix: string,
  members: readonly (readonly [number, number, number])[],
  withNetwork?: string,
): SingleSize[] {
  const sizes = members.map(
    ([cores, memoryGiB, disk]): SingleSize => [`Standard_${prefix}${cores}${suffix}`, cores, memoryGiB, disk],
  );
  const last = sizes.at(-1);
  return withNetwork !== undefined && last ? [...sizes, [`Standard_${withNetwork}`, last[1], last[2], last[3]]] : sizes;
}
