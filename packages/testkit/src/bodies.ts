/** A pool as an Azure user would write it. */
export const aPool = <T extends object>(id: string, more?: T) => ({
  id,
  vmSize: "standard_d2s_v3",
  virtualMachineConfiguration: {
    imageReference: {
      publisher: "canonical",
      offer: "0001-com-ubuntu-server-jammy",
      sku: "22_04-lts",
      version: "latest",
    },
    nodeAgentSKUId: "batch.node.ubuntu 22.04",
  },
  targetDedicatedNodes: 1,
  ...more,
});

/** A pool as a job asks for it. */
export function anAutoPool<T extends object>(more?: T) {
  const { id: _, ...pool } = aPool("", more);
  return pool;
}
