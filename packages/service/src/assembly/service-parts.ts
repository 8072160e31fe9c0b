import type { Provider } from "@kyanite/providers";
import type { Clock, Log } from "@kyanite/runtime";
import type { StorageAccount } from "@kyanite/storage";
import type { Settings } from "../config.ts";
import type { MachineFacts } from "../domain/task/elevation.ts";
import type { Listening, ListenOptions } from "../http/server.ts";
import type { RemoteIssuerSettings } from "../identity/remote-issuers.ts";
import type { DatabaseAddress } from "../store/database.ts";
import type { TelemetrySettings } from "../telemetry/settings.ts";

/** What a service is made from. */
export interface ServiceParts {
  readonly address: DatabaseAddress;
  readonly listen: ListenOptions;
  /** Below which hosts are named for accounts; `localhost` unless given. */
  readonly domains?: readonly string[];
  /** Where other servers of the database reach this one: what it listens on, and how they call that. */
  readonly peers: { readonly host: string; readonly port: number; readonly name: string };
  /** Where clients elsewhere reach the service, if it is told. */
  readonly publicUrl?: string | undefined;
  /** Where agents and tasks on other machines reach the service, if it is told; tasks here are told the same. */
  readonly agentUrl?: string | undefined;
  /** Made when it is missing. An account that exists keeps its keys unless `replacesKey`: then its first becomes this. */
  readonly account: { readonly name: string; readonly key: string; readonly replacesKey: boolean };
  readonly settings: Settings;
  /** Given when there is a collector of OpenTelemetry to tell. */
  readonly telemetry?: TelemetrySettings | undefined;
  /** With which `/metrics` is read. */
  readonly metricsToken: string;
  /** Whose bearer tokens are accepted besides our own. */
  readonly identity: RemoteIssuerSettings;
  /** Storage accounts that Batch accounts can be linked with; the first is the one of `account`. */
  readonly storage: readonly StorageAccount[];
  /** What of this machine is missing at the moment, each in a few words, besides the database. */
  readonly missing?: () => readonly string[];
  /** Made when the service listens, because agents must know where. */
  readonly createProvider: (listening: Listening) => Promise<Provider>;
  /** What local nodes can have on this machine. */
  readonly machine: MachineFacts;
  /** What makes containers on this machine, or why nothing does and how to get it: that may change at any time. */
  readonly describeContainers?: () => Promise<string>;
  readonly clock: Clock;
  readonly log: Log;
}
