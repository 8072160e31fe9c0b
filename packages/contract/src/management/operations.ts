import { accountOperations } from "./accounts.ts";
import { applicationOperations } from "./applications.ts";
import { certificateOperations } from "./certificates.ts";
import { locationOperations } from "./locations.ts";
import { networkOperations } from "./network.ts";
import { poolOperations } from "./pools.ts";

/** Every operation of the management plane in any version. */
export const managementOperations = {
  ...accountOperations,
  ...applicationOperations,
  ...locationOperations,
  ...certificateOperations,
  ...networkOperations,
  ...poolOperations,
} as const;
