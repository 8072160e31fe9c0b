import type { Provider } from "@kyanite/providers";
import type { Clock, Log } from "@kyanite/runtime";
import type { StorageAccounts } from "../domain/account/storage.ts";
import type { EventRetention } from "../domain/event/slots.ts";
import { parseCapacities } from "../domain/pool/capacity.ts";
import type { CountEvents } from "../events/platform-events.ts";
import type { Webhooks } from "../events/webhooks.ts";
import type { AutoScaleSettings } from "../lifecycle/auto-scale.ts";
import type { Quotas } from "../lifecycle/quotas.ts";
import type { Served } from "../scheduler/served.ts";
import type { Database } from "../store/database.ts";
import type { SnapshotBounds } from "../store/snapshot.ts";
import { autoscalePools } from "./autoscale-pools.ts";
import { changeNodes } from "./change-nodes.ts";
import { collectBlobs } from "./collect-blobs.ts";
import { deleteAccounts } from "./delete-accounts.ts";
import { endUnsatisfiableTasks } from "./end-unsatisfiable.ts";
import { enforceLimits } from "./enforce-limits.ts";
import { type FoldOptions, foldSamples } from "./fold-samples.ts";
import { followClock } from "./follow-clock.ts";
import { type ForgetRunsSettings, forgetRuns } from "./forget-runs.ts";
import { keepAudit } from "./keep-audit.ts";
import { forgetEvents, orderEvents } from "./keep-events.ts";
import type { Loop } from "./loop.ts";
import { type ResizeOptions, resizePools } from "./resize-pools.ts";
import { runJobSchedules } from "./run-job-schedules.ts";
import { type SampleOptions, samplePools } from "./sample-pools.ts";
import { scheduleTasks } from "./schedule-tasks.ts";
import { sendWebhooks } from "./send-webhooks.ts";
import { settleJobs } from "./settle-jobs.ts";
import { watchNodes } from "./watch-nodes.ts";

interface LoopSettings
  extends AutoScaleSettings,
    SampleOptions,
    FoldOptions,
    ForgetRunsSettings,
    EventRetention,
    Omit<ResizeOptions["limits"], "vmSizes"> {
  /** As the setting is written: see `parseCapacities`. */
  readonly vmSizes: string;
  readonly auditDays: number;
  readonly preemptionSeconds: number;
  readonly nodeSilentSeconds: number;
  readonly nodeRecoverySeconds: number;
}

/** So many nodes are asked for at a time; other pools have their turn after that. */
const startsAtOnce = 250;

export interface LoopParts {
  readonly database: Database;
  readonly provider: Provider;
  readonly storage: StorageAccounts;
  readonly quotas: Quotas;
  readonly bounds: SnapshotBounds;
  readonly served: Served;
  readonly webhooks: Webhooks;
  readonly settings: LoopSettings;
  readonly onEvents: CountEvents;
  readonly clock: Clock;
  readonly log: Log;
}

/** All that goes on by itself in the service. */
export function everyLoop(parts: LoopParts): Loop[] {
  const { database, provider, storage, quotas, bounds, served, webhooks, settings, onEvents, clock, log } = parts;
  return [
    scheduleTasks(database, bounds, served),
    resizePools(
      { database, provider, clock, log },
      {
        limits: { ...settings, vmSizes: parseCapacities(settings.vmSizes) ?? [] },
        startsAtOnce,
        preemptionSeconds: settings.preemptionSeconds,
      },
    ),
    endUnsatisfiableTasks(database),
    settleJobs(database),
    enforceLimits(database),
    samplePools(database, settings),
    foldSamples(database, settings),
    autoscalePools(database, settings, log),
    runJobSchedules(database, quotas, log),
    watchNodes(database, settings.nodeSilentSeconds, log),
    collectBlobs(database, storage, log),
    forgetRuns(database, settings),
    deleteAccounts(database),
    followClock(database, log),
    keepAudit(database, settings),
    orderEvents(database, onEvents),
    forgetEvents(database, settings),
    sendWebhooks({ database, ...webhooks, clock, random: Math.random, log }),
    changeNodes(database, { provider, clock, log, recoverySeconds: settings.nodeRecoverySeconds }),
  ];
}
