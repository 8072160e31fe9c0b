import type { Clock } from "@kyanite/runtime";
import type { Hello } from "../../lifecycle/node.ts";
import type { Database } from "../../store/database.ts";
import { saveHost, touchHosts } from "../../store/hosts.ts";
import type { AgentSocket } from "./socket.ts";

interface HostRecorderOptions {
  readonly database: Database;
  readonly serverId: string;
  readonly clock: Clock;
}

/** Notes which hosts are connected to this server. */
export class HostRecorder {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #serverId: string;
  readonly #connected = new WeakMap<AgentSocket, Promise<void>>();

  constructor({ database, serverId, clock }: HostRecorderOptions) {
    this.#database = database;
    this.#serverId = serverId;
    this.#clock = clock;
  }

  /** The first node of a host has joined its link. */
  connect(socket: AgentSocket, hello: Hello): Promise<void> {
    const known = this.#connected.get(socket);
    if (known) return known;
    const saving = saveHost(
      this.#database,
      {
        id: socket.hostId,
        provider: hello.provider,
        address: hello.ipAddress,
        capacity: { cores: hello.cores, memoryBytes: hello.memoryBytes },
        labels: hello.labels,
        agentVersion: hello.agentVersion,
        serverId: this.#serverId,
      },
      this.#clock.now(),
    );
    this.#connected.set(socket, saving);
    saving.catch(() => this.#connected.delete(socket));
    return saving;
  }

  /** Nodes of these hosts have just been heard of. */
  async touch(sockets: readonly AgentSocket[]): Promise<void> {
    await touchHosts(this.#database, [...new Set(sockets.map(({ hostId }) => hostId))], this.#clock.now());
  }
}
