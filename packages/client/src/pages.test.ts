import { expect, test } from "vitest";
import { pagesOf } from "./pages.ts";

const three = (asked: (string | undefined)[]) =>
  pagesOf(async (link) => {
    asked.push(link);
    const n = Number(link ?? 0);
    return { value: [2 * n, 2 * n + 1], ...(n < 2 && { "odata.nextLink": String(n + 1) }) };
  });

test("a list goes on until a page leads to no other", async () => {
  const asked: (string | undefined)[] = [];
  const elements: number[] = [];
  for await (const element of three(asked)) elements.push(element);
  expect({ elements, asked }).toEqual({ elements: [0, 1, 2, 3, 4, 5], asked: [undefined, "1", "2"] });
});

test("a page is fetched when it is read, and not before", async () => {
  const asked: (string | undefined)[] = [];
  for await (const page of three(asked).pages()) {
    expect(page).toEqual([0, 1]);
    break;
  }
  expect(asked).toEqual([undefined]);
});
