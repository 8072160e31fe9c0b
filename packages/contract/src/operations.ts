import { accountOperations } from "./accounts.ts";
import { applicationOperations } from "./applications.ts";
import { certificateOperations } from "./certificates.ts";
import { fileOperations } from "./files.ts";
import { jobScheduleOperations } from "./job-schedules.ts";
import { jobOperations } from "./jobs.ts";
import { localOperations } from "./local-operations.ts";
import { nodeOperations } from "./nodes.ts";
import { poolOperations } from "./pools.ts";
import { taskOperations } from "./tasks.ts";

/** Every operation of the data plane in any version, under the name that the clients of 2022 know it by. */
export const operations = {
  ...applicationOperations,
  ...accountOperations,
  ...poolOperations,
  ...nodeOperations,
  ...jobOperations,
  ...jobScheduleOperations,
  ...taskOperations,
  ...fileOperations,
  ...certificateOperations,
} as const;

/** The data plane and what this server adds to it. */
export const allOperations = { ...operations, ...localOperations } as const;

export type OperationName = keyof typeof operations;
