/** Whether a request comes from this machine itself, and not through a proxy that happens to run on it. */
export function isFromThisMachine({
  remoteAddress,
  headers,
}: {
  readonly remoteAddress: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}): boolean {
  const isForwarded = headers["x-forwarded-for"] !== undefined || headers.forwarded !== undefined;
  return !isForwarded && /^(127\.|::1$|::ffff:127\.)/.test(remoteAddress);
}
