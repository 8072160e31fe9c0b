/** Which web pages may call the API: those of this server itself, and those of the `allowed` origins. */
export function allowedOrigin(
  origin: string | undefined,
  { own, allowed }: { readonly own: string; readonly allowed: readonly string[] },
): string | undefined {
  return origin !== undefined && (origin === own || allowed.includes(origin)) ? origin : undefined;
}

export function corsHeaders(origin: string): Record<string, string> {
  return {
    "access-control-allow-origin": origin,
    "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    "access-control-allow-headers":
      "authorization, content-type, client-request-id, return-client-request-id, ocp-date, ocp-range, if-match, if-none-match, if-modified-since, if-unmodified-since",
    "access-control-expose-headers":
      "etag, last-modified, location, request-id, dataserviceid, ocp-batch-file-isdirectory, ocp-batch-file-url, kyanite-kept, kyanite-kept-run, kyanite-kept-missing, kyanite-kept-size",
    "access-control-max-age": "600",
    vary: "origin",
  };
}
