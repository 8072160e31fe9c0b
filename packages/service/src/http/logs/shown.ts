/** Which numbers there have been, in little memory: most are close to others. */
export class Shown {
  readonly #pages = new Map<number, Uint8Array>();

  has(number: number): boolean {
    const { page, byte, bit } = placeOf(number);
    return ((this.#pages.get(page)?.[byte] ?? 0) & bit) !== 0;
  }

  add(number: number): void {
    const { page, byte, bit } = placeOf(number);
    const bytes = this.#pages.get(page) ?? new Uint8Array(pageBytes);
    bytes[byte] = (bytes[byte] ?? 0) | bit;
    this.#pages.set(page, bytes);
  }

  delete(number: number): void {
    const { page, byte, bit } = placeOf(number);
    const bytes = this.#pages.get(page);
    if (bytes) bytes[byte] = (bytes[byte] ?? 0) & ~bit;
  }
}

const pageBytes = 256;

function placeOf(number: number) {
  const inPage = number % (8 * pageBytes);
  return { page: Math.floor(number / (8 * pageBytes)), byte: inPage >> 3, bit: 1 << (inPage & 7) };
}
