import { expect, test } from "vitest";
import { choice, integer, path, readSettings, type SettingSource, text } from "./settings.ts";

const settings = {
  size: integer(4, "how big", { least: 1, most: 9 }),
  colour: choice("red", "which", ["red", "blue"]),
  place: path("/default", "where"),
  key: text(undefined, "secret", { pattern: /^k/, rule: "a word that begins with k" }),
};

function aSource(origin: string, values: Record<string, string>): SettingSource {
  return {
    find: (name) => {
      const value = values[name];
      return value === undefined ? undefined : { text: value, origin: `${origin}.${name}`, directory: "/base" };
    },
  };
}

test("the first source that knows a setting decides; what nobody knows is as it was at first", () => {
  const problems: string[] = [];
  const sources = [aSource("first", { size: "7" }), aSource("second", { size: "8", place: "x/../y" })];
  expect(readSettings(settings, sources, problems)).toEqual({
    size: 7,
    colour: "red",
    place: "/base/y",
    key: undefined,
  });
  expect(problems).toEqual([]);
});

test("each problem names its origin and rule, and a better value further down does not hide it", () => {
  const problems: string[] = [];
  const broken = aSource("a", { size: "10", colour: "green", key: "secret" });
  readSettings(settings, [broken, aSource("b", { size: "5" })], problems);
  expect(problems).toEqual([
    'a.size: "10" is not a whole number from 1 to 9',
    'a.colour: "green" is not one of red, blue',
    "a.key: must be a word that begins with k",
  ]);
});

test.each(["", "1.5", "-1", "1e0", " 3", "0x3"])("%j is no whole number", (given) => {
  const problems: string[] = [];
  readSettings(settings, [aSource("a", { size: given })], problems);
  expect(problems).toHaveLength(1);
});
