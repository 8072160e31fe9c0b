import { BatchError } from "@kyanite/contract";

/** Where a property of the data plane's pools stands in the management plane's, when it is not below `properties`. */
const places: Readonly<Record<string, string>> = {
  applicationPackageReferences: "applicationPackages",
  autoScaleEvaluationInterval: "scaleSettings.autoScale.evaluationInterval",
  autoScaleFormula: "scaleSettings.autoScale.formula",
  certificateReferences: "certificates",
  enableInterNodeCommunication: "interNodeCommunication",
  resizeTimeout: "scaleSettings.fixedScale.resizeTimeout",
  targetDedicatedNodes: "scaleSettings.fixedScale.targetDedicatedNodes",
  targetLowPriorityNodes: "scaleSettings.fixedScale.targetLowPriorityNodes",
  virtualMachineConfiguration: "deploymentConfiguration.virtualMachineConfiguration",
};

/** A property of a pool by the name that clients of the management plane have for it. */
export function managedProperty(property: string): string {
  const [, first = "", rest = ""] = /^(\w+)(.*)$/s.exec(property) ?? [];
  if (first === "properties" || first === "identity" || first === "") return property;
  const place = Object.entries(places).find(([own]) => own === first)?.[1];
  return `properties.${place ?? first}${rest}`;
}

/**
 * Does what may find fault with a pool.
 * @throws BatchError naming properties as this plane does
 */
export async function withManagedNames<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const property = cause instanceof BatchError ? cause.values.PropertyName : undefined;
    if (!(cause instanceof BatchError) || property === undefined) throw cause;
    throw new BatchError(cause.code, { ...cause.values, PropertyName: managedProperty(property) }, { cause });
  }
}
