import { readTextIfExists } from "@kyanite/runtime";
import type { HostConfig } from "./config.ts";

/** Where the service is. A service that chose its port itself has another one after its restart. */
export interface ServiceAddress {
  /** As it was known when the last connection was tried. */
  known(): string;
  /** Looks whether it has changed. */
  find(): Promise<string>;
}

export function serviceAddress({
  serviceUrl,
  serviceUrlFile,
}: Pick<HostConfig, "serviceUrl" | "serviceUrlFile">): ServiceAddress {
  let known = serviceUrl;
  const find = async () => {
    const text = serviceUrlFile === undefined ? undefined : await readTextIfExists(serviceUrlFile);
    if (text !== undefined && /^https?:\/\/\S+$/.test(text.trim())) known = text.trim().replace(/\/+$/, "");
    return known;
  };
  return { known: () => known, find };
}
