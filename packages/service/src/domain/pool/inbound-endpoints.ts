import { type InboundNATPool, invalidProperty } from "@kyanite/contract";

const property = "networkConfiguration.endpointConfiguration.inboundNATPools";
const leastPorts = 40;
const mostRules = 25;

/**
 * Rules between the ports of a pool that shall be reachable from outside.
 * @throws BatchError with the property and the rule it breaks
 */
export function checkInboundEndpoints(endpoints: readonly InboundNATPool[]): void {
  for (const [index, { name, frontendPortRangeStart, frontendPortRangeEnd }] of endpoints.entries()) {
    const before = endpoints.slice(0, index);
    if (before.some((other) => other.name === name))
      throw invalidProperty(`${property}[${index}].name`, name, "Each endpoint needs a name of its own");
    if (frontendPortRangeEnd - frontendPortRangeStart + 1 < leastPorts)
      throw invalidProperty(
        `${property}[${index}].frontendPortRangeEnd`,
        frontendPortRangeEnd,
        `There must be at least ${leastPorts} ports outside`,
      );
    const isTaken = (other: InboundNATPool) =>
      other.frontendPortRangeStart <= frontendPortRangeEnd && frontendPortRangeStart <= other.frontendPortRangeEnd;
    if (before.some(isTaken))
      throw invalidProperty(
        `${property}[${index}].frontendPortRangeStart`,
        frontendPortRangeStart,
        "Ranges may not overlap",
      );
  }
  checkRules(endpoints.flatMap(({ networkSecurityGroupRules = [] }) => networkSecurityGroupRules));
}

function checkRules(rules: NonNullable<InboundNATPool["networkSecurityGroupRules"]>): void {
  if (rules.length > mostRules)
    throw invalidProperty(property, undefined, `A pool may have at most ${mostRules} rules in all`);
  const priorities = rules.map(({ priority }) => priority);
  const repeated = priorities.find((priority, index) => priorities.indexOf(priority) !== index);
  if (repeated !== undefined) throw invalidProperty(property, repeated, "Each rule needs a priority of its own");
}
