/** Where a PostgreSQL server can be reached. A host that begins with a slash is the directory of a Unix socket. */
export interface PostgresAddress {
  readonly host: string;
  readonly port: number;
}

/** Longest path of a Unix socket that every system takes. */
const longestSocketPath = 99;

/** A Unix socket in `directory`, or the loopback port when the socket's path would be too long. */
export function chooseAddress(directory: string, freePort: number): PostgresAddress {
  const socketLength = Buffer.byteLength(`${directory}/.s.PGSQL.5432`);
  return socketLength <= longestSocketPath ? { host: directory, port: 5432 } : { host: "127.0.0.1", port: freePort };
}

export interface SettingsOptions {
  readonly address: PostgresAddress;
  readonly preloadedModules: readonly string[];
}

/**
 * The server's settings, written anew at every start. Many small durable transactions and queues of rows that are
 * updated all the time: hence early vacuum, long checkpoints and no parallel or compiled plans.
 */
export function postgresSettings({ address, preloadedModules }: SettingsOptions): string {
  const usesSocket = address.host.startsWith("/");
  const settings = {
    listen_addresses: usesSocket ? "" : address.host,
    port: address.port,
    unix_socket_directories: usesSocket ? address.host : "",
    unix_socket_permissions: "0700",
    max_connections: 100,
    shared_buffers: "256MB",
    work_mem: "16MB",
    maintenance_work_mem: "128MB",
    shared_preload_libraries: preloadedModules.join(","),
    fsync: "on",
    synchronous_commit: "on",
    full_page_writes: "on",
    wal_buffers: "16MB",
    min_wal_size: "256MB",
    max_wal_size: "2GB",
    checkpoint_timeout: "15min",
    random_page_cost: 1.1,
    jit: "off",
    max_parallel_workers_per_gather: 0,
    autovacuum_naptime: "10s",
    autovacuum_vacuum_scale_factor: 0.02,
    autovacuum_analyze_scale_factor: 0.02,
    autovacuum_vacuum_cost_limit: 2000,
    timezone: "UTC",
    log_timezone: "UTC",
    log_line_prefix: "%m [%p] %a ",
  } as const;
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${quote(String(value))}`);
  return [
    "# Written by Kyanite at every start. Your own settings belong in local.conf, which wins.",
    ...lines,
    "include_if_exists = 'local.conf'",
    "",
  ].join("\n");
}

const quote = (value: string) => `'${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;

/** What the first lines of `postmaster.pid` say: who serves a data directory, where, and whether it is ready. */
export interface Postmaster {
  readonly pid: number;
  readonly address: PostgresAddress;
  readonly isReady: boolean;
}

/** Reads `postmaster.pid`; undefined when it is incomplete, as while the server is starting. */
export function parsePostmaster(text: string | undefined): Postmaster | undefined {
  const [pid, , , port, socketDirectory, host, , state] = (text ?? "").split("\n").map((line) => line.trim());
  if (!Number(pid) || !Number(port)) return undefined;
  const address = { host: socketDirectory || host || "127.0.0.1", port: Number(port) };
  return { pid: Number(pid), address, isReady: state === "ready" };
}
