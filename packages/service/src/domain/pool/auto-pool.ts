import {
  type AutoPoolSpecification,
  BatchError,
  type ErrorCode,
  invalidProperty,
  type PoolAddParameter,
  type PoolInformation,
} from "@kyanite/contract";
import type { Account } from "../account/account.ts";
import type { JobSchedulingError } from "../job/job.ts";
import { below } from "../property-path.ts";
import { newPool } from "./new-pool.ts";

const path = "poolInfo.autoPoolSpecification";

/**
 * Where jobs run, with the defaults of an auto pool as clients see them.
 * @throws BatchError unless exactly one pool is named, or with what is wrong with the auto pool
 */
export function checkedPoolInfo(poolInfo: PoolInformation, account: Pick<Account, "pk">, now: Date): PoolInformation {
  const { poolId, autoPoolSpecification } = poolInfo;
  if ((poolId === undefined) === (autoPoolSpecification === undefined))
    throw invalidProperty("poolInfo", undefined, "Give exactly one of poolId and autoPoolSpecification");
  return autoPoolSpecification
    ? { autoPoolSpecification: checkedSpecification(autoPoolSpecification, account, now) }
    : poolInfo;
}

function checkedSpecification(
  specification: AutoPoolSpecification,
  account: Pick<Account, "pk">,
  now: Date,
): AutoPoolSpecification {
  const { keepAlive = false } = specification;
  const body = autoPoolBody("auto", specification);
  const { id: _, ...pool } = below(`${path}.pool`, () => newPool(body, account, now).spec);
  return { ...specification, keepAlive, pool: { ...sizeDefaults(pool), ...pool } };
}

function sizeDefaults({ enableAutoScale }: Omit<PoolAddParameter, "id">) {
  const targets = { targetDedicatedNodes: 0, targetLowPriorityNodes: 0 };
  return { resizeTimeout: "PT15M", ...(enableAutoScale ? {} : targets) };
}

/** The request that adds the pool. */
export function autoPoolBody(id: string, { pool }: AutoPoolSpecification): PoolAddParameter {
  if (!pool) throw new BatchError("MissingRequiredProperty", { PropertyName: `${path}.pool` });
  return { ...pool, id };
}

/** @param guid unique among pools */
export function autoPoolId({ autoPoolIdPrefix }: AutoPoolSpecification, guid: string): string {
  const unique = guid.toUpperCase();
  return autoPoolIdPrefix ? `${autoPoolIdPrefix}_${unique}` : unique;
}

/** @throws BatchError for a pool that shall live as long as a schedule, when there is none */
export function checkLifetimeWithoutSchedule({ autoPoolSpecification }: PoolInformation): void {
  if (autoPoolSpecification?.poolLifetimeOption === "jobschedule")
    throw invalidProperty(
      `${path}.poolLifetimeOption`,
      "jobschedule",
      "Only a job schedule can have a pool for all its jobs",
    );
}

/** Whether the same pool is asked for; keeping it alive is no property of the pool. */
export function isSameAutoPool(one: AutoPoolSpecification, other: AutoPoolSpecification): boolean {
  return inOrder({ ...one, keepAlive: false }) === inOrder({ ...other, keepAlive: false });
}

/** JSON that does not depend on the order in which members were given. */
function inOrder(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === "object" && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([one], [other]) => (one < other ? -1 : 1)))
      : member,
  );
}

const schedulingErrorCodes: Partial<Record<ErrorCode, string>> = {
  PoolQuotaReached: "AutoPoolCreationFailedWithQuotaReached",
  InvalidCertificateReferences: "InvalidCertificatesInAutoPool",
  InvalidApplicationPackageReferences: "InvalidApplicationPackageReferencesInAutoPool",
  AutoScalingFormulaSyntaxError: "InvalidAutoScaleFormulaInAutoPool",
  AutoScalingFormulaTooLong: "InvalidAutoScaleFormulaInAutoPool",
  InvalidAutoScalingSettings: "InvalidAutoScaleFormulaInAutoPool",
};

/** What a job shows of a pool that could not be added for it. */
export function autoPoolError({ code, message, values }: BatchError): JobSchedulingError {
  return {
    category: "UserError",
    code: schedulingErrorCodes[code] ?? "InvalidAutoPoolSettings",
    message,
    details: Object.entries(values).map(([name, value]) => ({ name, value })),
  };
}
