import { describe, expect, test } from "vitest";
import { ConfigError, describeFlags, type Machine, readConfig } from "./config.ts";

function aMachine({ files = {}, isRoot = false }: { files?: Record<string, string>; isRoot?: boolean } = {}): Machine {
  return { directory: "/here", homeDirectory: "/home/ada", isRoot, readText: (file) => files[file] };
}

async function problemsOf(promise: Promise<unknown>): Promise<readonly string[]> {
  const error = await promise.catch((cause: unknown) => cause);
  return error instanceof ConfigError ? error.problems : [`not a ConfigError: ${error}`];
}

test("with nothing said, the documented defaults hold", async () => {
  expect(await readConfig([], {}, aMachine())).toMatchObject({
    dataDir: "/home/ada/.kyanite",
    host: "127.0.0.1",
    httpPort: 10080,
    httpsPort: 10443,
    databaseUrl: undefined,
    account: "local",
    logLevel: "info",
    settings: { nodeSilentSeconds: 60, agentStartsAtOnce: 8 },
  });
});

test("a flag wins over a variable, a variable over the file, the file over the default", async () => {
  const files = { "/here/kyanite.yaml": "http-port: 1\nhttps-port: 2\naccount: fromfile\nheartbeat-seconds: 7\n" };
  const env = { KYANITE_HTTP_PORT: "3", KYANITE_HTTPS_PORT: "4" };
  expect(await readConfig(["--http-port=5", "--log-level", "warn"], env, aMachine({ files }))).toMatchObject({
    httpPort: 5,
    httpsPort: 4,
    account: "fromfile",
    logLevel: "warn",
    settings: { heartbeatSeconds: 7 },
  });
});

describe("the data directory", () => {
  test.each([
    ["/data/kyanite", { XDG_DATA_HOME: "/data" }, aMachine()],
    ["/var/lib/kyanite", { XDG_DATA_HOME: "/data" }, aMachine({ isRoot: true })],
    ["/here/d", { KYANITE_DATA_DIR: "d" }, aMachine()],
    ["/etc/k/d", { KYANITE_CONFIG: "/etc/k/my.yaml" }, aMachine({ files: { "/etc/k/my.yaml": "data-dir: d" } })],
  ])("is %s", async (expected, env, machine) => {
    expect((await readConfig([], env, machine)).dataDir).toBe(expected);
  });
});

test("more storage accounts are named by their connection strings, and a wrong one is not repeated", async () => {
  const one = "AccountName=one;AccountKey=b25l;BlobEndpoint=http://127.0.0.1:1/one";
  const two = "AccountName=two;AccountKey=dHdv;BlobEndpoint=http://127.0.0.1:1/two";
  const read = (value: string) => readConfig(["--more-storage-accounts", value], {}, aMachine());
  expect((await read(`${one}  ${two}`)).moreStorageAccounts).toEqual([one, two]);
  expect((await readConfig([], {}, aMachine())).moreStorageAccounts).toEqual([]);
  expect(await problemsOf(read(`${one} AccountKey=c2VjcmV0`))).toEqual([
    "--more-storage-accounts: has neither AccountName nor BlobEndpoint",
  ]);
});

test("every problem is reported at once, with the name that was used, and without secrets", async () => {
  const files = { "/here/kyanite.yaml": "https-port: [1]\ncolour: red\naccount-key: short\n" };
  const env = {
    KYANITE_LOG_LEVEL: "loud",
    KYANITE_STORAGE_CONNECTION_STRING: "AccountName=a",
    KYANITE_PORT: "tcp://x",
  };
  const flags = ["--http-port", "99999", "--speed", "9", "start", "--database-url", "mysql://u:secret@h/d"];
  const problems = await problemsOf(readConfig(flags, env, aMachine({ files })));
  expect(problems).toEqual([
    "--speed: there is no such flag",
    "9: is not a flag",
    "start: is not a flag",
    "https-port in /here/kyanite.yaml: must be a single value",
    "colour in /here/kyanite.yaml: there is no such setting",
    '--http-port: "99999" is not a whole number from 0 to 65535',
    "--database-url: must be a URL that begins with postgresql://",
    "KYANITE_STORAGE_CONNECTION_STRING: has neither AccountKey nor SharedAccessSignature",
    "account-key in /here/kyanite.yaml: must be at least 16 bytes in base64",
    'KYANITE_LOG_LEVEL: "loud" is not one of debug, info, warn, error, silent',
  ]);
});

test("a file that was asked for must be there; the usual one need not", async () => {
  expect(await problemsOf(readConfig(["--config", "x.yaml"], {}, aMachine()))).toEqual([
    "--config: there is no file /here/x.yaml",
  ]);
});

test("a file that is no YAML is a problem with its place", async () => {
  const files = { "/here/kyanite.yaml": "host: 'x\n" };
  const [problem] = await problemsOf(readConfig([], {}, aMachine({ files })));
  expect(problem).toMatch(/^\/here\/kyanite\.yaml: .* at line /);
});

test("a limit that would give up healthy nodes is refused", async () => {
  const flags = ["--heartbeat-seconds", "60", "--node-silent-seconds", "100"];
  expect(await problemsOf(readConfig(flags, {}, aMachine()))).toEqual([
    "node-silent-seconds: must be at least twice heartbeat-seconds, or healthy nodes would count as lost",
  ]);
});

test("processes that we start inherit no variable of ours", async () => {
  const env = { PATH: "/bin", KYANITE_ACCOUNT_KEY: Buffer.alloc(64).toString("base64") };
  const config = await readConfig([], env, aMachine());
  expect(config.childEnvironment).toEqual({ PATH: "/bin" });
  expect(config.accountKey).toBe(env.KYANITE_ACCOUNT_KEY);
});

test("each setting has a flag with its meaning and default", () => {
  expect(describeFlags()).toContainEqual({
    flag: "--http-port PORT",
    help: "port for HTTP; 0 chooses a free one (default: 10080)",
  });
});

test("a collector of OpenTelemetry is told where its variables name one, and no process that we start sees them", async () => {
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://localhost:4318",
    OTEL_EXPORTER_OTLP_HEADERS: "key=secret",
    HOME: "/h",
  };
  const config = await readConfig([], env, aMachine());
  expect(config.telemetry).toEqual({ traces: true, metrics: true, metricMilliseconds: 60_000 });
  expect(config.childEnvironment).toEqual({ HOME: "/h" });
  expect((await readConfig([], {}, aMachine())).telemetry).toBeUndefined();
  const problems = readConfig([], { ...env, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, aMachine());
  await expect(problems).rejects.toThrow("OTEL_EXPORTER_OTLP_PROTOCOL: must be http/json");
});
