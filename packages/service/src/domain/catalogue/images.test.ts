import { describe, expect, test } from "vitest";
import { imageGroups } from "./image-catalogue.ts";
import { checkImage, supportedImages } from "./images.ts";

const refusal = (image: object, nodeAgentSKUId = "batch.node.ubuntu 22.04") => {
  try {
    checkImage({ imageReference: image, nodeAgentSKUId });
    return undefined;
  } catch (error) {
    return error;
  }
};
const jammy = { publisher: "Canonical", offer: "0001-com-ubuntu-server-jammy", sku: "22_04-LTS" };

const compute = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute";

describe("an image", () => {
  test("is matched with its node agent, whatever the case of either", () => {
    expect(refusal(jammy, "batch.node.Ubuntu 22.04")).toBeUndefined();
    expect(refusal(jammy, "batch.node.ubuntu 20.04")).toMatchObject({
      code: "InvalidPropertyValue",
      values: { Reason: expect.stringContaining("batch.node.ubuntu 22.04") },
    });
  });

  test("that is not supported, or goes with an agent that there is not, is refused", () => {
    expect(refusal({ ...jammy, sku: "99" })).toMatchObject({ code: "InvalidPropertyValue" });
    expect(refusal(jammy, "batch.node.plan9")).toMatchObject({ code: "NodeAgentSKUNotFound" });
  });

  test("of one's own goes with any agent", () => {
    for (const id of ["images/i", "galleries/g/images/i", "Galleries/g/Images/i/Versions/1.0.0"])
      expect(refusal({ virtualMachineImageId: `${compute}/${id}` }), id).toBeUndefined();
    expect(refusal({ communityGalleryImageId: "/CommunityGalleries/g/Images/i" })).toBeUndefined();
    expect(refusal({ sharedGalleryImageId: "/SharedGalleries/g/Images/i/Versions/latest" })).toBeUndefined();
  });

  test.each([
    ["virtualMachineImageId", "image"],
    ["virtualMachineImageId", `${compute}/disks/d`],
    ["virtualMachineImageId", `${compute}/images/`],
    ["virtualMachineImageId", `${compute}/galleries/g/images/i/versions`],
    ["sharedGalleryImageId", "/CommunityGalleries/g/Images/i"],
    ["communityGalleryImageId", ""],
  ])("whose %s is %j is refused with its name", (name, id) => {
    expect(refusal({ [name]: id })).toMatchObject({
      code: "InvalidPropertyValue",
      values: { PropertyName: `virtualMachineConfiguration.imageReference.${name}`, PropertyValue: id },
    });
  });

  test("with Windows is known, but no provider has it", () => {
    const image = { publisher: "MicrosoftWindowsServer", offer: "WindowsServer", sku: "2022-datacenter" };
    expect(refusal(image, "batch.node.windows amd64")).toMatchObject({ code: "UnsupportedProperty" });
    expect(supportedImages.filter(({ osType }) => osType !== "linux")).toEqual([]);
  });

  test("that is listed can be used", () => {
    for (const { imageReference, nodeAgentSKUId } of supportedImages)
      expect(refusal(imageReference, nodeAgentSKUId)).toBeUndefined();
  });

  test("is in the catalogue once, in lower case", () => {
    const names = imageGroups.flatMap(({ publisher, offer, skus }) =>
      skus.map((sku) => `${publisher} ${offer} ${sku}`),
    );
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(names.map((name) => name.toLowerCase()));
  });
});
