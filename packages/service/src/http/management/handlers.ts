import type { ManagementContext, ManagementHandlers } from "./handler.ts";
import { accountHandlers } from "./operations/accounts.ts";
import { applicationHandlers } from "./operations/applications.ts";
import { certificateHandlers } from "./operations/certificates.ts";
import { locationHandlers } from "./operations/locations.ts";
import { networkHandlers } from "./operations/network.ts";
import { poolHandlers } from "./operations/pools.ts";

/** Every operation of the management plane. */
export const createManagementHandlers = (context: ManagementContext): ManagementHandlers => ({
  ...accountHandlers(context),
  ...applicationHandlers(context),
  ...locationHandlers(context),
  ...certificateHandlers(context),
  ...networkHandlers,
  ...poolHandlers(context),
});
