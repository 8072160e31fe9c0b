import type { RunStep } from "@kyanite/contract";
import { expect, test } from "vitest";
import { notedSteps } from "./run-steps.ts";

const at = (seconds: number) => new Date(1_700_000_000_000 + 1000 * seconds).toISOString();
const download: RunStep = { name: "downloads", startTime: at(0), endTime: at(0.05), bytes: 5 };
const command = (seconds: number): RunStep => ({ name: "command", startTime: at(1), endTime: at(1 + seconds) });

test("steps are remembered of a run that took a second, or moved something for a while", () => {
  expect(notedSteps([command(0.999)])).toEqual([]);
  expect(notedSteps([command(1)])).toEqual([command(1)]);
  expect(notedSteps([download, command(0.01)])).toEqual([download, command(0.01)]);
  const { bytes: _, ...nothing } = download;
  expect(notedSteps([nothing, command(0.01)])).toEqual([]);
});

test("a step that ends before it begins, or at a time that there is not, is left out", () => {
  const leap = "2026-12-31T23:59:60Z";
  expect(notedSteps([{ ...command(5), endTime: leap }, command(2), command(-7)])).toEqual([command(2)]);
  expect(notedSteps([{ ...command(5), startTime: leap }, command(-7)])).toEqual([]);
});
