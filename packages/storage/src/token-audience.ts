import { withoutSlash } from "@kyanite/runtime";

/** What clients ask tokens for storage for, whatever the account; the id is that of v2 tokens. */
const audiences: readonly string[] = ["https://storage.azure.com", "e406a681-f3d4-42a8-90b6-c2b029497af1"];

/** Whether a token with this audience is for one of these storage accounts, however it is spelt. */
export function isForStorage(audience: unknown, accountNames: readonly string[]): boolean {
  const values: unknown[] = Array.isArray(audience) ? audience : [audience];
  const own = accountNames.map((name) => `https://${name}.blob.core.windows.net`);
  return values.some((value) => {
    if (typeof value !== "string") return false;
    const resource = withoutSlash(value)
      .toLowerCase()
      .replace(/^(https:.*):443$/, "$1");
    return audiences.includes(resource) || own.includes(resource);
  });
}
