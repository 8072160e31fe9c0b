/**
 * Passes on what comes and fails when less than `bytes` came: a file can be cut while it is sent, and whoever was
 * promised its length must not wait for the rest or take what there is for the whole.
 */
export async function* whole(source: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes;
  for await (const chunk of source) {
    left -= chunk.length;
    yield chunk;
  }
  if (left > 0) throw new Error(`the stream ended ${left} bytes before its end`);
}
