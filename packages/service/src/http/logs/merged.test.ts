import { expect, test } from "vitest";
import { merged } from "./merged.ts";

async function* of(...values: readonly string[]): AsyncGenerator<string, void> {
  yield* values;
}

async function all(source: AsyncGenerator<string, void>): Promise<string[]> {
  const found: string[] = [];
  for await (const value of source) found.push(value);
  return found;
}

test("everything that several yield comes, each in its own order", async () => {
  const found = await all(merged([of("a1", "a2", "a3"), of("b1"), of()]));
  expect(found.toSorted()).toEqual(["a1", "a2", "a3", "b1"]);
  expect(found.filter((value) => value.startsWith("a"))).toEqual(["a1", "a2", "a3"]);
});

test("what one yields comes while another waits", async () => {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  async function* waits(): AsyncGenerator<string, void> {
    await released;
    yield "late";
  }
  const source = merged([waits(), of("early")]);
  expect(await source.next()).toEqual({ value: "early", done: false });
  release();
  expect(await all(source)).toEqual(["late"]);
});

test("a failure of one is that of all", async () => {
  async function* fails(): AsyncGenerator<string, void> {
    yield "before";
    throw new Error("broken");
  }
  await expect(all(merged([of("a"), fails()]))).rejects.toThrow("broken");
});
