import { BatchError } from "@kyanite/contract";

/** Runs the rules of a part of a body; an error names the property as the whole body has it, below `path`. */
export function below<T>(path: string, check: () => T): T {
  try {
    return check();
  } catch (cause) {
    if (!(cause instanceof BatchError) || cause.values.PropertyName === undefined) throw cause;
    const PropertyName = `${path}.${cause.values.PropertyName}`;
    throw new BatchError(cause.code, { ...cause.values, PropertyName }, { cause });
  }
}
