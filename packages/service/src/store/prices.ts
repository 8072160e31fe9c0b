import type { PriceList } from "@kyanite/contract";
import type { Account } from "../domain/account/account.ts";
import { asJson, type Sql } from "./database.ts";

export async function readPrices(sql: Sql, account: Account): Promise<PriceList | undefined> {
  const [list] = await sql<PriceList[]>`select currency, prices from price_list where account_pk = ${account.pk}`;
  return list;
}

export async function savePrices(sql: Sql, account: Account, { currency, prices }: PriceList): Promise<void> {
  await sql`
    insert into price_list (account_pk, currency, prices)
    values (${account.pk}, ${currency}, ${asJson(prices)}::text::jsonb)
    on conflict (account_pk) do update set currency = excluded.currency, prices = excluded.prices`;
}
