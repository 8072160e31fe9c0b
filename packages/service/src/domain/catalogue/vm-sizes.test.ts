import { describe, expect, test } from "vitest";
import { findVmSize, vmSizes } from "./vm-sizes.ts";

describe("machine sizes", () => {
  test.each([
    ["Standard_D2s_v3", 2, 8, 16],
    ["STANDARD_D2S_V3", 2, 8, 16],
    ["Standard_A1_v2", 1, 2, 10],
    ["standard_a2_v2", 2, 4, 20],
    ["Small", 1, 1.75, 225],
    ["Standard_D3", 4, 14, 200],
    ["Standard_DS12_v2", 4, 28, 28],
    ["Standard_D15_v2", 20, 140, 1000],
    ["Standard_E64s_v3", 64, 512, 1024],
    ["Standard_F72s_v2", 72, 144, 576],
    ["Standard_L8s_v3", 8, 64, 80],
    ["Standard_M128ms", 128, 3892, 4096],
    ["Standard_HB120rs_v3", 120, 448, 480],
    ["Standard_NC24rs_v3", 24, 448, 2948],
    ["Standard_NC4as_T4_v3", 4, 28, 176],
    ["Standard_ND96asr_v4", 96, 900, 6000],
    ["Standard_NV36ads_A10_v5", 36, 440, 720],
  ])("%s has %i cores, %d GiB of memory and %i GiB of temporary disk", (name, cores, memoryGiB, temporaryDiskGiB) => {
    expect(findVmSize(name)).toMatchObject({ cores, memoryGiB, temporaryDiskGiB });
  });

  test("a size that is not in the catalogue has the cores that its name says", () => {
    expect(findVmSize("Standard_D8zs_v9")).toMatchObject({ cores: 8, memoryGiB: 32 });
    expect(findVmSize("Standard_E16-4s_v3")).toMatchObject({ cores: 4, memoryGiB: 128, family: "standardESv3Family" });
  });

  test("a size that Azure does not have, of a series that it has, is no size", () => {
    for (const name of [
      "STANDARD_DS64_v3",
      "Standard_D7s_v3",
      "Standard_DS6_v2",
      "Standard_E7-2s_v3",
      "Standard_A3_v2",
    ])
      expect(findVmSize(name), name).toBeUndefined();
  });

  test("a name that says nothing is no size", () => {
    for (const name of ["", "large-one", "Standard", "Standard_D", "Standard_D0s_v3", "D2s_v3", "Standard_D2s v3"])
      expect(findVmSize(name), name).toBeUndefined();
  });

  test("each size of the catalogue has a name of its own, a family, cores and memory", () => {
    expect(new Set(vmSizes.map(({ name }) => name.toLowerCase())).size).toBe(vmSizes.length);
    for (const size of vmSizes) {
      expect(size.family, size.name).toMatch(/Family$/);
      expect(size.cores, size.name).toBeGreaterThan(0);
      expect(size.memoryGiB, size.name).toBeGreaterThan(0);
    }
  });
});
