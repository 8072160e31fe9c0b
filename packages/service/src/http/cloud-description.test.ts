import { expect, test } from "vitest";
import { cloudDescription } from "./cloud-description.ts";

const origin = "https://localhost:10443";

test("the oldest clients read a few endpoints", () => {
  for (const version of ["1.0", "2015-01-01", undefined])
    expect(cloudDescription(origin, version, [])).toMatchObject({
      graphEndpoint: origin,
      authentication: { loginEndpoint: `${origin}/adfs`, audiences: expect.arrayContaining([origin]) },
    });
});

test("newer ones read a list of clouds, the newest one cloud", () => {
  const cloud = {
    name: "Kyanite",
    resourceManager: origin,
    batch: "https://batch.core.windows.net/",
    graphAudience: origin,
    microsoftGraphResourceId: origin,
    suffixes: {},
    authentication: { loginEndpoint: `${origin}/adfs`, tenant: "adfs", identityProvider: "ADFS" },
  };
  for (const version of ["2018-05-01", "2019-05-01", "2020-06-01"])
    expect(cloudDescription(origin, version, [])).toMatchObject([cloud]);
  for (const version of ["2022-09-01", "2023-11-01"])
    expect(cloudDescription(origin, version, [])).toMatchObject(cloud);
});

test("a suffix of storage is named where accounts are reached by it", () => {
  const byName = { accountName: "local", blobEndpoint: "https://local.blob.localhost:10000" };
  const byPath = { accountName: "local", blobEndpoint: "http://127.0.0.1:10000/local" };
  expect(cloudDescription(origin, "2022-09-01", [byPath, byName])).toMatchObject({
    suffixes: { storage: "localhost:10000" },
  });
  const bySecurePath = {
    ...byPath,
    blobEndpoint: "https://127.0.0.1/local",
    blobHttpsEndpoint: "https://127.0.0.1/local",
  };
  for (const account of [byPath, bySecurePath])
    expect(cloudDescription(origin, "2022-09-01", [account])).toHaveProperty("suffixes", {});
  const bundled = { ...byPath, blobHttpsEndpoint: "https://localhost:10001/local" };
  expect(cloudDescription(origin, "2022-09-01", [bundled])).toMatchObject({
    suffixes: { storage: "core.localhost:10001" },
  });
});
