import { isIP } from "node:net";
import type { Networks } from "./networks.ts";

/** Why nothing may be sent to a URL, as far as the text tells; undefined when it may. */
export function urlProblem(text: string, { permits, permitsPlain }: Networks): string | undefined {
  if (!URL.canParse(text)) return "Expected a URL such as https://example.com/events";
  const url = new URL(text);
  const isEncrypted = url.protocol === "https:";
  if (!isEncrypted && url.protocol !== "http:") return "The URL must begin with https://";
  if (url.username !== "" || url.password !== "") return "The URL may not hold a user or a password";
  if (url.hash !== "") return "The URL may not have a fragment";
  if (!isEncrypted && !permitsPlain)
    return "The URL must begin with https://: http is for networks that the setting webhook-networks names";
  const host = hostOf(url);
  if (isIP(host) !== 0 && !permits(host, isEncrypted)) return forbidden(host, isEncrypted);
  return undefined;
}

/** Without the brackets of an IPv6 address. */
const hostOf = ({ hostname }: URL) => hostname.replace(/^\[(.*)\]$/, "$1");

export const forbidden = (host: string, isEncrypted: boolean) =>
  `The setting webhook-networks does not permit requests to ${host}${isEncrypted ? "" : " without encryption"}`;
