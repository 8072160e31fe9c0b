import { isUtf8 } from "node:buffer";

/**
 * Names of files are bytes and need not be UTF-8. As text, a byte that belongs to no UTF-8 character is the character
 * U+EF00 plus the byte. A name in which one of those characters is written out has its three bytes written so, so that
 * each text stands for one name only.
 */
const firstStandIn = 0xef00;
const isStandIn = /[\uef80-\uefff]/;

/** A name as text. */
export function textOfName(name: Buffer): string {
  const text = name.toString();
  if (isUtf8(name) && !isStandIn.test(text)) return text;
  let written = "";
  for (let at = 0; at < name.length; ) {
    const character = characterAt(name, at);
    written += character ?? String.fromCharCode(firstStandIn + (name[at] ?? 0));
    at += character === undefined ? 1 : Buffer.byteLength(character);
  }
  return written;
}

/** The name for which a text stands. */
export function nameOfText(text: string): Buffer {
  const parts = text.split(/([\uef80-\uefff])/);
  return Buffer.concat(
    parts.map((part, index) => (index % 2 === 0 ? Buffer.from(part) : Buffer.of(part.charCodeAt(0) - firstStandIn))),
  );
}

/** Whether a text stands for more than its own characters. */
export const hasStandIns = (text: string) => isStandIn.test(text);

/** A whole character that may be written as it is. */
function characterAt(name: Buffer, at: number): string | undefined {
  for (let length = 1; length <= 4 && at + length <= name.length; length += 1) {
    const bytes = name.subarray(at, at + length);
    if (isUtf8(bytes)) return isStandIn.test(bytes.toString()) ? undefined : bytes.toString();
  }
  return undefined;
}
