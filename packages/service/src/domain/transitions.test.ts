import { expect, test } from "vitest";
import { entered, nextState, requiredState, statesBefore, type Transitions } from "./transitions.ts";

const lamp: Transitions<"off" | "warming" | "on", "switch" | "warm"> = {
  off: { switch: "warming" },
  warming: { switch: "off", warm: "on" },
  on: { switch: "off" },
};
const earlier = new Date("2026-01-01T00:00:00Z");
const now = new Date("2026-01-02T00:00:00Z");

test("an event leads where the table says, and nowhere when it says nothing", () => {
  expect(nextState(lamp, "off", "switch")).toBe("warming");
  expect(nextState(lamp, "off", "warm")).toBeUndefined();
  expect(() => requiredState(lamp, "off", "warm")).toThrow("the state off does not allow the event warm");
});

test("the states before an event are those that allow it", () => {
  expect(statesBefore(lamp, "warm")).toEqual(["warming"]);
  expect(statesBefore(lamp, "switch")).toEqual(["off", "warming", "on"]);
});

test("a resource remembers the state before, unless it passed through that by itself", () => {
  const off = {
    state: "off" as "off" | "warming" | "on",
    stateTransitionTime: earlier,
    previousState: null,
    previousStateTransitionTime: null,
  };
  const warming = entered(off, "warming", now, ["warming"]);
  expect(warming).toMatchObject({ previousState: "off", previousStateTransitionTime: earlier });
  expect(entered(warming, "on", now, ["warming"])).toMatchObject({ state: "on", previousState: "off" });
});
