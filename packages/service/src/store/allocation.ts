import type { AllocationUse } from "../domain/pool/allocation.ts";
import { advisoryKey, type Sql } from "./database.ts";

/** What the account's nodes use; while the transaction lasts, nobody else adds nodes to the account's pools. */
export async function lockAllocationUse(sql: Sql, accountPk: number): Promise<AllocationUse> {
  await sql`select pg_advisory_xact_lock(${advisoryKey("allocation")}, ${accountPk}::integer)`;
  const rows = await sql<{ vmSize: string; isDedicated: boolean; nodes: number; cores: number }[]>`
    select p.vm_size, n.is_dedicated, count(*)::int as nodes, sum(p.cores)::int as cores
    from node n join pool p on p.pk = n.pool_pk
    where p.account_pk = ${accountPk}
    group by 1, 2`;
  const cores = (isDedicated: boolean) =>
    rows.filter((row) => row.isDedicated === isDedicated).reduce((total, row) => total + row.cores, 0);
  const nodesBySize = new Map<string, number>();
  for (const { vmSize, nodes } of rows) nodesBySize.set(vmSize, (nodesBySize.get(vmSize) ?? 0) + nodes);
  return { dedicatedCores: cores(true), lowPriorityCores: cores(false), nodesBySize };
}
