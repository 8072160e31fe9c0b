import { connect, createServer } from "node:net";
import { join } from "node:path";
import { temporaryDatabase } from "@kyanite/testkit";
import { expect, test } from "vitest";
import { keepArrayTypes, openDatabase } from "../../src/store/database.ts";

test("later connections know the types of arrays, and do not ask for them", async () => {
  await using temporary = await temporaryDatabase();
  const { address } = temporary;
  let asked = 0;
  const proxy = createServer((client) => {
    const upstream = address.host?.startsWith("/")
      ? connect(join(address.host, `.s.PGSQL.${address.port ?? 5432}`))
      : connect(address.port ?? 5432, address.host);
    client.on("data", (data) => {
      if (data.includes("pg_catalog.pg_type")) asked += 1;
    });
    for (const end of [client, upstream]) end.on("error", () => {});
    client.pipe(upstream).pipe(client);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => proxy.once("listening", resolve));
  const listening = proxy.address();
  if (listening === null || typeof listening === "string") throw new Error("no port");
  const database = openDatabase({ ...address, host: "127.0.0.1", port: listening.port, maxConnections: 3 });
  try {
    await database`select 1`;
    keepArrayTypes(database);
    const read = () => database<{ pks: number[] }[]>`select ${[1, 2]}::bigint[] as pks, pg_sleep(0.2)`;
    const rows = await Promise.all([read(), read(), read()]);
    expect(rows.map(([row]) => row?.pks)).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
    const others =
      await database`select count(*)::int as count from pg_stat_activity where application_name = 'kyanite'`;
    expect(others[0]?.count).toBeGreaterThanOrEqual(3);
    expect(asked).toBe(1);
  } finally {
    await database.end({ timeout: 2 });
    proxy.close();
  }
});
