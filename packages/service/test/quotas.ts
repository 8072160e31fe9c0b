import { defaultSettings } from "@kyanite/service";
import type { Quotas } from "../src/lifecycle/quotas.ts";

/** What an operator decides of accounts and pools, as it is unless set. */
export const someQuotas = (more: Partial<Quotas> = {}): Quotas => ({
  ...defaultSettings(),
  tellWithoutEffect: () => {},
  ...more,
});
