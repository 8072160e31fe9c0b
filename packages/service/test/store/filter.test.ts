import { type TemporaryDatabase, temporaryDatabase } from "@kyanite/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Filter, type Literal, matches, mayMatch, operators, parseFilter } from "../../src/domain/filter.ts";
import { type FilterColumns, filterToSql } from "../../src/store/filter.ts";

let database: TemporaryDatabase;
beforeAll(async () => {
  database = await temporaryDatabase();
  await database.database`
    create table thing (
      number integer primary key, key text collate "C" not null, state text, made_time timestamptz, exit_code integer, result text,
      is_on boolean, size text
    )`;
});
afterAll(() => database[Symbol.asyncDispose]());

const equality = ["eq", "ne"] as const;
const columns: FilterColumns = {
  id: { column: "key", type: "id" },
  state: { column: "state", type: "state", operators: equality },
  result: { column: "result", type: "state", operators: equality, values: ["success", "failure"] },
  madeTime: { column: "made_time", type: "time" },
  "executionInfo/exitCode": { column: "exit_code", type: "integer" },
  isOn: { column: "is_on", type: "boolean", operators: equality },
  size: { column: "size", type: "text", operators: equality },
};

/** As a list shows it; what is absent is not there. */
interface Thing {
  readonly id: string;
  readonly state?: string | undefined;
  readonly result?: string | undefined;
  readonly madeTime?: string | undefined;
  readonly executionInfo: { readonly exitCode?: number | undefined };
  readonly isOn?: boolean | undefined;
  readonly size?: string | undefined;
}

// Few values, so that comparisons meet; quotes and percent signs, because they mean something elsewhere.
const ids = fc.constantFrom("a", "A", "b", "B-1", "ab", "aB_2", "%", "o'neill", "z");
const states = fc.constantFrom("active", "Active", "completed");
const times = fc.constantFrom("2025-01-01T00:00:00Z", "2025-01-01T00:00:00.001Z", "2025-06-30T12:00:00Z");
const codes = fc.constantFrom(-1, 0, 1, 137);
const sizes = fc.constantFrom("Standard_D2", "standard_d2", "small");
const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined, freq: 3 });

const things: fc.Arbitrary<Thing> = fc.record({
  id: ids,
  state: maybe(states),
  result: maybe(fc.constantFrom("success", "failure")),
  madeTime: maybe(times),
  executionInfo: fc.record({ exitCode: maybe(codes) }),
  isOn: maybe(fc.boolean()),
  size: maybe(sizes),
});

const comparison = (property: string, values: fc.Arbitrary<Literal>, allowed: readonly (typeof operators)[number][]) =>
  fc.record({
    kind: fc.constant("compare" as const),
    property: fc.constant(property),
    operator: fc.constantFrom(...allowed),
    value: values,
  });

const leaves: fc.Arbitrary<Filter> = fc.oneof(
  comparison("id", ids, operators),
  comparison("state", states, equality),
  comparison("result", fc.constantFrom("Success", "failure"), equality),
  comparison(
    "madeTime",
    times.map((text) => new Date(text)),
    operators,
  ),
  comparison("executionInfo/exitCode", codes, operators),
  comparison("isOn", fc.boolean(), equality),
  comparison("size", sizes, equality),
  fc.record({ kind: fc.constant("startswith" as const), property: fc.constant("id"), prefix: ids }),
);

const filters = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 4 },
    leaves,
    fc.record({ kind: fc.constantFrom("and" as const, "or" as const), left: tie("filter"), right: tie("filter") }),
  ),
})).filter;

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

function literal(value: Literal): string {
  if (value instanceof Date) return `DateTime'${value.toISOString()}'`;
  return typeof value === "string" ? quoted(value) : String(value);
}

/** With no more parentheses than needed, so that precedence is put to the test. */
function print(filter: Filter): string {
  switch (filter.kind) {
    case "startswith":
      return `startswith(${filter.property}, ${quoted(filter.prefix)})`;
    case "compare":
      return `${filter.property} ${filter.operator} ${literal(filter.value)}`;
    case "and":
      return `${inner(filter.left, ["or"])} and ${inner(filter.right, ["or", "and"])}`;
    case "or":
      return `${print(filter.left)} or ${inner(filter.right, ["or"])}`;
  }
}

const inner = (filter: Filter, enclosed: readonly string[]) =>
  enclosed.includes(filter.kind) ? `(${print(filter)})` : print(filter);

async function found(rows: readonly Thing[], filter: Filter): Promise<number[]> {
  const { database: sql } = database;
  await sql`truncate thing`;
  const records = rows.map((thing, number) => ({
    number,
    key: thing.id.toLowerCase(),
    state: thing.state,
    result: thing.result,
    made_time: thing.madeTime,
    exit_code: thing.executionInfo.exitCode,
    is_on: thing.isOn,
    size: thing.size,
  }));
  await sql`
    insert into thing select * from jsonb_populate_recordset(null::thing, ${JSON.stringify(records)}::text::jsonb)`;
  const answer = await sql<{ number: number }[]>`
    select number from thing where ${filterToSql(sql, filter, columns)} order by number`;
  return answer.map(({ number }) => number);
}

test("a printed filter is read as what it was", () => {
  fc.assert(
    fc.property(filters, (filter) => {
      expect(parseFilter(print(filter))).toEqual(filter);
    }),
  );
});

test("the database finds what the filter says", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(things, { minLength: 1, maxLength: 8 }), filters, async (rows, filter) => {
      const expected = rows.flatMap((thing, number) => (matches(filter, thing) ? [number] : []));
      expect(await found(rows, filter)).toEqual(expected);
    }),
    { numRuns: 300 },
  );
});

test("a task without an exit code satisfies no comparison of exit codes", async () => {
  const rows = [
    { id: "a", executionInfo: {} },
    ...[0, 1].map((exitCode) => ({ id: "b", executionInfo: { exitCode } })),
  ];
  expect(await found(rows, parseFilter("executionInfo/exitCode ne 0"))).toEqual([2]);
});

test("what satisfies a filter may do so whatever of it is known", () => {
  const names = ["state", "result", "isOn", "size"] as const;
  fc.assert(
    fc.property(things, filters, fc.subarray([...names]), (thing, filter, known) => {
      const facts = Object.fromEntries(known.map((name) => [name, thing[name]]));
      expect(mayMatch(filter, facts) || !matches(filter, thing)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  ["state eq 'Active'", true],
  ["state ne 'active'", false],
  ["result eq 'success'", false],
  ["result ne 'success'", false],
  ["state eq 'active' and executionInfo/exitCode gt 0", true],
  ["startswith(id, 'a') and result eq 'failure'", false],
  ["result eq 'failure' or isOn eq true", true],
])("whether %s may be true of what is active and has no result: %s", (text, expected) => {
  expect(mayMatch(parseFilter(text), { state: "active", result: undefined })).toBe(expected);
});

test("the longest filter that is accepted can be run", async () => {
  const text = Array.from({ length: 540 }, () => "id eq 'a'").join(" or ");
  expect(text.length).toBeGreaterThan(6_900);
  expect(await found([{ id: "a", executionInfo: {} }], parseFilter(text))).toEqual([0]);
  const nested = `${"(".repeat(60)}id eq 'a'${")".repeat(60)}`;
  expect(await found([{ id: "a", executionInfo: {} }], parseFilter(nested))).toEqual([0]);
});

test.each([
  ["url eq 'a'"],
  ["constructor eq 'a'"],
  ["state gt 'active'"],
  ["state eq 1"],
  ["startswith(state, 'a')"],
  ["executionInfo/exitCode eq '1'"],
  ["isOn eq 1"],
  ["madeTime gt 5"],
  ["madeTime gt 'yesterday'"],
])("%s is refused by its column", async (text) => {
  await expect(found([], parseFilter(text))).rejects.toMatchObject({ code: "InvalidQueryParameterValue" });
});

test.each([
  ["id eq"],
  ["id eq 'a' and"],
  ["id eq 'a' id eq 'b'"],
  ["(id eq 'a'"],
  ["not id eq 'a'"],
  ["id like 'a'"],
  ["id eq 'a"],
  ['id eq "a"'],
  ["exitCode eq 1.5"],
  ["exitCode eq 99999999999999999999"],
  ["madeTime gt DateTime'tomorrow'"],
  ["madeTime gt DateTime'-200000-01-01T00:00:00Z'"],
  ["startswith(id)"],
  ["startswith(id, 5)"],
  [`${"(".repeat(100)}id eq 'a'${")".repeat(100)}`],
  [`id eq '${"x".repeat(9_000)}'`],
])("%s is no filter", (text) => {
  expect(() => parseFilter(text)).toThrow(expect.objectContaining({ code: "InvalidQueryParameterValue" }));
});

test("old literals, dates as HTTP writes them and any case of keywords are read", () => {
  const filter =
    "madeTime GE datetime'2025-01-01T00:00:00.0000000Z' AND madeTime lt DateTime'Tue, 29 Jul 2025 21:49:13 GMT'";
  expect(parseFilter(filter)).toEqual({
    kind: "and",
    left: { kind: "compare", property: "madeTime", operator: "ge", value: new Date("2025-01-01T00:00:00Z") },
    right: { kind: "compare", property: "madeTime", operator: "lt", value: new Date("2025-07-29T21:49:13Z") },
  });
});
