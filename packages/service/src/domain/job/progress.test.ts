import fc from "fast-check";
import { expect, test } from "vitest";
import { after } from "../time.ts";
import { completedInSteps, estimate, type ProgressFacts, throughput } from "./progress.ts";

const made = new Date("2026-01-01T12:00:00Z");
const at = (seconds: number) => after(made, seconds);
const job = { state: "active", creationTime: made, endTime: null } as const;

const facts = (more: Partial<ProgressFacts> = {}): ProgressFacts => ({
  job,
  counts: { active: 90, running: 10, completed: 100 },
  samples: [
    { at: at(30), completed: 30 },
    { at: at(60), completed: 60 },
    { at: at(90), completed: 90 },
  ],
  usableNodes: 2,
  ...more,
});

test("a job that goes on evenly ends when the rest is done at the same rate", () => {
  const { endTime, earliest = "", latest = "", text, reason } = estimate(facts(), at(100));
  expect(endTime).toBe("2026-01-01T12:03:20Z");
  expect(earliest < "2026-01-01T12:03:20Z" && latest > "2026-01-01T12:03:20Z").toBe(true);
  expect(text).toBe(
    "100 tasks are left. It is assumed that 60.0 complete in a minute, as recently, and that none are added.",
  );
  expect(reason).toBeUndefined();
});

test("the more the rate varies, the less is known of the end", () => {
  const width = (samples: ProgressFacts["samples"]) => {
    const { earliest = "", latest } = estimate(facts({ samples }), at(100));
    return latest === undefined ? Number.POSITIVE_INFINITY : Date.parse(latest) - Date.parse(earliest);
  };
  const uneven = [
    { at: at(30), completed: 30 },
    { at: at(60), completed: 31 },
    { at: at(90), completed: 99 },
  ];
  expect(width(uneven)).toBeGreaterThan(2 * width(facts().samples));
});

test("what has completed in the present counts, and so does that nothing has", () => {
  const endOf = (now: Date) => Date.parse(estimate(facts(), now).endTime ?? "");
  expect(endOf(at(500))).toBeGreaterThan(endOf(at(100)) + 500_000);
});

test("the first seconds of a job are reckoned from its beginning", () => {
  const first = facts({ samples: [], counts: { active: 30, running: 0, completed: 10 } });
  expect(throughput(first, at(10))).toEqual({ recent: 1, recentSeconds: 10, whole: 1 });
  expect(estimate(first, at(10)).endTime).toBe("2026-01-01T12:00:40Z");
});

test.each([
  ["jobCompleted", { job: { ...job, state: "completed", endTime: at(90) } }],
  ["noTasks", { counts: { active: 0, running: 0, completed: 0 } }],
  ["allCompleted", { counts: { active: 0, running: 0, completed: 5 } }],
  ["jobDisabled", { job: { ...job, state: "disabled" }, counts: { active: 5, running: 0, completed: 5 } }],
  ["noNodes", { usableNodes: 0, counts: { active: 5, running: 0, completed: 5 } }],
  ["nothingCompleted", { samples: [], counts: { active: 5, running: 5, completed: 0 } }],
] as const)("an end that cannot be said has its reason: %s", (reason, more) => {
  expect(estimate(facts(more), at(100))).toMatchObject({ endTime: null, reason, text: expect.stringMatching(/\.$/) });
});

test("a job that is disabled while its tasks still run has an end", () => {
  expect(estimate(facts({ job: { ...job, state: "disabling" } }), at(100)).endTime).not.toBeNull();
});

test("whatever the samples are, the end lies between the earliest and the latest", () => {
  const sample = fc.record({ seconds: fc.integer({ min: 0, max: 99 }), completed: fc.integer({ min: 0, max: 200 }) });
  fc.assert(
    fc.property(fc.array(sample, { maxLength: 20 }), fc.nat(1e6), (samples, active) => {
      const said = estimate(
        facts({
          counts: { active, running: 1, completed: 100 },
          samples: samples
            .toSorted((one, other) => one.seconds - other.seconds)
            .map(({ seconds, completed }) => ({ at: at(seconds), completed })),
        }),
        at(100),
      );
      if (said.endTime === null) {
        expect(said.reason).toBe("nothingCompleted");
        return;
      }
      const [earliest, end, latest] = [said.earliest, said.endTime, said.latest ?? "9999-12-31T23:59:59.999Z"].map(
        (time) => Date.parse(time ?? ""),
      );
      expect(earliest).toBeLessThanOrEqual(end ?? 0);
      expect(end).toBeLessThanOrEqual(latest ?? 0);
    }),
  );
});

test("what completed in each step adds up to all that has", () => {
  const steps = [0, 60, 120, 180, 240].map(at);
  const known = [
    { at: at(0), completed: 5 },
    { at: at(120), completed: 30 },
  ];
  const asked = { known, last: 37, stepSeconds: 60, isWhole: true };
  expect(completedInSteps(steps, asked)).toEqual([5, 0, 25, 0, 7]);
  expect(completedInSteps(steps, { ...asked, isWhole: false, known: known.slice(1) })).toEqual([
    null,
    null,
    null,
    0,
    7,
  ]);
});

test("tasks that were deleted or run again make no step negative", () => {
  const steps = [0, 60, 120].map(at);
  const known = [{ at: at(0), completed: 50 }];
  expect(completedInSteps(steps, { known, last: 20, stepSeconds: 60, isWhole: true })).toEqual([50, 0, 0]);
});
