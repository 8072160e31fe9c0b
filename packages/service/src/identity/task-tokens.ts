import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Sql } from "../store/database.ts";
import { keepSecret } from "../store/secrets.ts";

/** The task that a token was made for. */
export interface TokenHolder {
  readonly jobPk: number;
  readonly taskPk: number;
}

/** Makes and reads the tokens with which tasks call the service; what they permit is decided elsewhere. */
export interface TaskTokens {
  sign(holder: TokenHolder): string;
  /** Undefined when the token is none of ours. */
  read(token: string): TokenHolder | undefined;
}

const prefix = "kyanite-task";

/** @param secret random bytes that only the servers of one database know */
export function taskTokens(secret: Uint8Array): TaskTokens {
  const macOf = (text: string) => createHmac("sha256", secret).update(text).digest();
  return {
    sign: ({ jobPk, taskPk }) => {
      const text = `${prefix}.${jobPk}.${taskPk}`;
      return `${text}.${macOf(text).toString("base64url")}`;
    },
    read: (token) => {
      const match = /^(kyanite-task\.(\d{1,15})\.(\d{1,15}))\.([\w-]{43})$/.exec(token);
      if (!match) return undefined;
      const [, text = "", jobPk, taskPk, mac = ""] = match;
      if (!timingSafeEqual(macOf(text), Buffer.from(mac, "base64url"))) return undefined;
      return { jobPk: Number(jobPk), taskPk: Number(taskPk) };
    },
  };
}

/** With the secret that this database's servers share; made when it is missing. */
export async function openTaskTokens(sql: Sql): Promise<TaskTokens> {
  return taskTokens(await keepSecret(sql, "task-tokens", randomBytes(32)));
}
