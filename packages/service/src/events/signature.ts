import { createHmac, randomBytes } from "node:crypto";

const prefix = "whsec_";

/** A secret of a webhook: 32 random bytes. */
export const newSecret = () => prefix + randomBytes(32).toString("base64");

export interface Signed {
  readonly id: string;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly body: string;
}

/** The value of `webhook-signature`, as the Standard Webhooks have it. */
export function sign(secret: string, { id, timestamp, body }: Signed): string {
  const key = Buffer.from(secret.slice(prefix.length), "base64");
  return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}
