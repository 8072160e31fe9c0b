import fc from "fast-check";
import { expect, test } from "vitest";
import { demultiplexer, type OutputStream } from "./output.ts";

const frame = (stream: OutputStream, text: string) => {
  const bytes = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = stream === "stderr" ? 2 : 1;
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
};

test("both streams come apart, however the bytes are cut", () => {
  const pieces = fc.array(fc.tuple(fc.constantFrom<OutputStream>("stdout", "stderr"), fc.string()));
  fc.assert(
    fc.property(pieces, fc.array(fc.nat({ max: 20 })), (sent, cuts) => {
      const got = { stdout: "", stderr: "" };
      const take = demultiplexer((stream, bytes) => {
        got[stream] += bytes.toString("latin1");
      });
      let left = Buffer.concat(sent.map(([stream, text]) => frame(stream, text)));
      for (const cut of [...cuts, left.length]) {
        take(left.subarray(0, cut));
        left = left.subarray(cut);
      }
      const all = (wanted: OutputStream) =>
        Buffer.concat(sent.filter(([stream]) => stream === wanted).map(([, text]) => Buffer.from(text))).toString(
          "latin1",
        );
      expect(got).toEqual({ stdout: all("stdout"), stderr: all("stderr") });
    }),
  );
});
