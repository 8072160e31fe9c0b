import { expect, test } from "vitest";
import { managedProperty } from "./pool-properties.ts";

test.each([
  ["vmSize", "properties.vmSize"],
  ["enableInterNodeCommunication", "properties.interNodeCommunication"],
  ["userAccounts[0].name", "properties.userAccounts[0].name"],
  ["certificateReferences[1].thumbprint", "properties.certificates[1].thumbprint"],
  ["virtualMachineConfiguration.osDisk", "properties.deploymentConfiguration.virtualMachineConfiguration.osDisk"],
  ["properties.scaleSettings", "properties.scaleSettings"],
  ["identity", "identity"],
])("%s of the data plane is %s here", (own, managed) => {
  expect(managedProperty(own)).toBe(managed);
});
