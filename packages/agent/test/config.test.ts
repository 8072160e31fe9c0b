import { expect, test } from "vitest";
import { readConfig } from "../src/index.ts";

const good = {
  KYANITE_AGENT_SERVICE_URL: "http://127.0.0.1:10080/",
  KYANITE_AGENT_DIRECTORY: "/data/hosts/1/",
  KYANITE_AGENT_NODES: "/data/nodes",
};

test("settings come from the environment", () => {
  expect(readConfig({ ...good, PATH: "/odd", LANG: "de_DE.UTF-8", KYANITE_AGENT_LABELS: "zone=attic,gpu=" })).toEqual({
    serviceUrl: "http://127.0.0.1:10080",
    serviceUrlFile: undefined,
    directory: "/data/hosts/1",
    nodesDirectory: "/data/nodes",
    provider: "local",
    labels: { zone: "attic", gpu: "" },
    logLevel: "info",
    sshPort: 22,
    opensAtOnce: 8,
    hidden: "/data/nodes",
    users: "auto",
    killGraceSeconds: 5,
    reservedDiskBytes: 1_000_000,
    abandonedHours: 24,
    containers: {
      setting: "auto",
      dockerHost: undefined,
      runtimeDirectory: undefined,
      network: undefined,
      imageBytes: 50_000_000_000,
    },
    commandPath: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    commandLanguage: "de_DE.UTF-8",
  });
});

test("every problem is reported at once", () => {
  const wrong = {
    KYANITE_AGENT_SERVICE_URL: "ftp://x",
    KYANITE_AGENT_NODES: "relative",
    KYANITE_AGENT_LABELS: "zone",
    KYANITE_AGENT_USERS: "perhaps",
    KYANITE_AGENT_KILL_GRACE_SECONDS: "31",
    KYANITE_AGENT_TASK_PATH: "/bin:relative",
  };
  for (const name of [
    "SERVICE_URL",
    "DIRECTORY: is missing",
    "NODES",
    "LABELS",
    "USERS",
    "KILL_GRACE_SECONDS",
    "TASK_PATH",
  ])
    expect(() => readConfig(wrong)).toThrow(`KYANITE_AGENT_${name}`);
});
