// Does what a provider relies on: makes its root, keeps running, ends at SIGTERM. FAKE_AGENT asks for something else.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const { KYANITE_AGENT_ROOT: root, KYANITE_AGENT_TOKEN_FILE: tokenFile, FAKE_AGENT: behaviour } = process.env;
if (behaviour === "broken") {
  console.error("cannot start");
  process.exit(1);
}
if (behaviour === "deaf") process.on("SIGTERM", () => {});
else process.on("SIGTERM", () => process.exit(0));
if (process.argv[2] === "clean") process.exit(0);
mkdirSync(root, { recursive: true });
writeFileSync(join(root, "token-seen"), readFileSync(tokenFile, "utf8"));
if (behaviour === "parent") {
  const env = { ...process.env, AZ_BATCH_NODE_ROOT_DIR: root };
  const task = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { detached: true, stdio: "ignore", env });
  writeFileSync(join(root, "task-pid"), String(task.pid));
}
setInterval(() => {}, 1000);
