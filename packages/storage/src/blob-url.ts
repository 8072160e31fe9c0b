/** The address of a blob, given the address of its container; a SAS in the container's query is kept. */
export function blobUrl(containerUrl: string, blobName: string): string {
  const url = new URL(containerUrl);
  const name = blobName.split("/").map(encodeURIComponent).join("/");
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/${name}`;
  return url.href;
}

/** An address without its query, user and password: what may be shown or logged, since a SAS is a secret. */
export function withoutSecrets(address: string): string {
  if (!/^https?:/i.test(address) || !URL.canParse(address)) return "(no web address)";
  const { origin, pathname } = new URL(address);
  return `${origin}${pathname}`;
}
