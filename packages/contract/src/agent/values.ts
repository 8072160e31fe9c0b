import Type from "typebox";

/** Seven-digit instants are not needed here: ISO 8601 in UTC, milliseconds. */
export const Instant = Type.String({ format: "date-time" });

export const RunId = Type.String({ format: "uuid" });
