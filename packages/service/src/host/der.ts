/** Parts of ASN.1 in its distinguished encoding, as certificates and stores of them are made of. */
export function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag), lengthOf(content), content]);
}

function lengthOf({ length }: Buffer): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const hex = length.toString(16);
  const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
  return Buffer.concat([Buffer.of(0x80 | bytes.length), bytes]);
}

export const sequence = (...parts: readonly Buffer[]) => der(0x30, ...parts);
export const octets = (content: Buffer) => der(0x04, content);
export const explicit = (content: Buffer) => der(0xa0, content);

export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...others] = text.split(".").map(Number);
  return der(0x06, Buffer.from([40 * first + second, ...others].flatMap(base128)));
}

/** Seven bits a byte, of which all but the last have the highest bit. */
function base128(value: number): number[] {
  const digits = [value % 128];
  for (let left = Math.floor(value / 128); left > 0; left = Math.floor(left / 128)) digits.unshift(0x80 | (left % 128));
  return digits;
}
