import { accountHandlers } from "./accounts.ts";
import { applicationHandlers } from "./applications.ts";
import { certificateHandlers } from "./certificates.ts";
import type { ManagementContext, ManagementHandlers } from "./handler.ts";
import { locationHandlers } from "./locations.ts";
import { networkHandlers } from "./network.ts";
import { poolHandlers } from "./pools.ts";

/** Every operation of the management plane. */
export const createManagementHandlers = (context: ManagementContext): ManagementHandlers => ({
  ...accountHandlers(context),
  ...applicationHandlers(context),
  ...locationHandlers(context),
  ...certificateHandlers(context),
  ...networkHandlers,
  ...poolHandlers(context),
});
