/** Strangers send such texts; a pattern that looks for slashes at the end would begin anew at each slash. */
export function withoutSlash(text: string): string {
  let end = text.length;
  while (text[end - 1] === "/") end--;
  return text.slice(0, end);
}
