import fc from "fast-check";
import { expect, test } from "vitest";
import { isDateTime, normalizeDateTime } from "./date-time.ts";

test.each([
  ["2099-01-01", "2099-01-01T00:00:00Z"],
  ["2099-01-01T00:00Z", "2099-01-01T00:00:00Z"],
  ["2099-01-01t10:20:30z", "2099-01-01T10:20:30Z"],
  ["2099-01-01T10:20:30.123456789Z", "2099-01-01T10:20:30.1234567Z"],
  ["2099-01-01T10:20:30.5000000Z", "2099-01-01T10:20:30.5Z"],
  ["2099-01-01T10:20:30.0Z", "2099-01-01T10:20:30Z"],
  ["2099-01-01T01:20:30+02:00", "2098-12-31T23:20:30Z"],
  ["2099-01-01T10:20:30.1-05:30", "2099-01-01T15:50:30.1Z"],
  ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"],
  ["0099-03-01T00:00:00Z", "0099-03-01T00:00:00Z"],
  ["9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.9999999Z"],
])("%s is given back as %s", (text, written) => {
  expect(normalizeDateTime(text)).toBe(written);
});

test.each([
  "2099-02-29",
  "1900-02-29T00:00:00Z",
  "2099-01-01T00:00:00",
  "2099-01-01T24:00:00Z",
  "2099-01-01T23:59:60Z",
  "2099-01-01 10:20:30Z",
  "20990101T102030Z",
  "0000-01-01T00:00:00Z",
  "9999-12-31T23:59:59-01:00",
  "0001-01-01T00:00:00+01:00",
  "tomorrow",
])("%s is no date and time, and stays as it is", (text) => {
  expect(isDateTime(text)).toBe(false);
  expect(normalizeDateTime(text)).toBe(text);
});

test("what is given back is the same moment, and is given back unchanged", () => {
  const minutes = fc.integer({ min: -14 * 60, max: 14 * 60 });
  const times = fc.date({ min: new Date("0002-01-01"), max: new Date("9998-12-31"), noInvalidDate: true });
  fc.assert(
    fc.property(times, minutes, (time, offset) => {
      const local = new Date(time.getTime() + offset * 60_000).toISOString().slice(0, -1);
      const size = Math.abs(offset);
      const zone = [Math.floor(size / 60), size % 60].map((part) => String(part).padStart(2, "0")).join(":");
      const written = normalizeDateTime(`${local}${offset < 0 ? "-" : "+"}${zone}`);
      expect(new Date(written)).toEqual(time);
      expect(normalizeDateTime(written)).toBe(written);
    }),
  );
});
