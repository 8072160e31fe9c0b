import { createHash, randomBytes } from "node:crypto";

/** The alphabet of crypt(3), and of the salts that it takes. */
const alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const rounds = 5000;
const digestBytes = 64;

const sha512 = (...parts: readonly Buffer[]) => {
  const hash = createHash("sha512");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** A password as `/etc/shadow` keeps it: SHA-512-crypt with the usual number of rounds. */
export function hashPassword(password: string, salt: string = newSalt()): string {
  const key = Buffer.from(password);
  const digest = stretched(key, Buffer.from(salt));
  return `$6$${salt}$${encoded(digest)}`;
}

function newSalt(): string {
  return [...randomBytes(16)].map((byte) => alphabet[byte % 64]).join("");
}

/** This follows Ulrich Drepper's specification step by step. */
function stretched(key: Buffer, salt: Buffer): Buffer {
  const first = firstDigest(key, salt);
  const keyBytes = repeated(sha512(...Array<Buffer>(key.length).fill(key)), key.length);
  const saltBytes = repeated(sha512(...Array<Buffer>(16 + (first[0] ?? 0)).fill(salt)), salt.length);
  let digest = first;
  for (let round = 0; round < rounds; round++)
    digest = sha512(
      round % 2 === 1 ? keyBytes : digest,
      ...(round % 3 === 0 ? [] : [saltBytes]),
      ...(round % 7 === 0 ? [] : [keyBytes]),
      round % 2 === 1 ? digest : keyBytes,
    );
  return digest;
}

function firstDigest(key: Buffer, salt: Buffer): Buffer {
  const alternate = sha512(key, salt, key);
  const parts = [key, salt, repeated(alternate, key.length)];
  for (let bits = key.length; bits > 0; bits >>= 1) parts.push(bits % 2 === 1 ? alternate : key);
  return sha512(...parts);
}

/** The digest over and over, cut to a length. */
function repeated(digest: Buffer, length: number): Buffer {
  return Buffer.concat(Array<Buffer>(Math.ceil(length / digestBytes)).fill(digest)).subarray(0, length);
}

/** Three bytes make four characters, the bytes taken in the order 0 21 42, 22 43 1, 44 2 23 … and 63 at the end. */
function encoded(digest: Buffer): string {
  const byte = (index: number) => digest[index] ?? 0;
  const groups = Array.from({ length: 21 }, (_, n) => {
    const [one, two, three] = [n, n + 21, n + 42] as const;
    const order =
      [
        [one, two, three],
        [two, three, one],
        [three, one, two],
      ][n % 3] ?? [];
    const [high = 0, middle = 0, low = 0] = order.map(byte);
    return characters((high << 16) | (middle << 8) | low, 4);
  });
  return groups.join("") + characters(byte(63), 2);
}

function characters(value: number, count: number): string {
  return Array.from({ length: count }, (_, n) => alphabet[(value >> (6 * n)) & 63]).join("");
}
