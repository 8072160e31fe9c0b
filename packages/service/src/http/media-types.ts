/**
 * Which of the media types that there are a client prefers, by its `Accept`; the first of them when it names none.
 * Wildcards mean the first one, and so does a client that says nothing.
 */
export function preferredType<Type extends string>(accept: string, types: readonly [Type, ...Type[]]): Type {
  const wanted = accept.split(",").map(readRange);
  const known = wanted.flatMap(({ type, quality }) => {
    const found = type === "*/*" ? types[0] : types.find((each) => each === type);
    return found !== undefined && quality > 0 ? [{ found, quality }] : [];
  });
  return known.toSorted((one, other) => other.quality - one.quality)[0]?.found ?? types[0];
}

function readRange(text: string): { type: string; quality: number } {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const quality = parameters.find((each) => each.startsWith("q="))?.slice(2);
  return { type, quality: quality === undefined ? 1 : Number(quality) || 0 };
}
