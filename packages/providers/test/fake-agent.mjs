// Does what a provider relies on: brings the nodes that are wanted, tells of them, keeps running, ends at SIGTERM.
// FAKE_AGENT asks for something else; a file `die` in a node's directory has the node end by itself.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const { KYANITE_AGENT_DIRECTORY: own, KYANITE_AGENT_NODES: nodes, FAKE_AGENT: behaviour } = process.env;
if (behaviour === "broken") {
  console.error("cannot start");
  process.exit(1);
}
process.on("SIGTERM", () => {
  if (behaviour !== "deaf") process.exit(0);
});

const standings = {};
function look() {
  writeFileSync(join(own, "pulse"), "");
  utimesSync(join(own, "pulse"), new Date(), new Date());
  const file = join(own, "wanted.json");
  const wanted = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
  for (const [nodeId, { state, generation }] of Object.entries(wanted)) {
    const home = join(nodes, nodeId);
    if (existsSync(join(home, "die"))) {
      rmSync(join(home, "die"));
      standings[nodeId] = { state: "ended", generation };
    }
    if (standings[nodeId]?.generation === generation) continue;
    if (state === "running" && behaviour === "refusing")
      standings[nodeId] = { state: "failed", generation, reason: "no room" };
    else standings[nodeId] = { state, generation };
    if (state === "running") begin(home);
  }
  writeFileSync(join(own, "nodes.json.new"), JSON.stringify(standings));
  renameSync(join(own, "nodes.json.new"), join(own, "nodes.json"));
}

function begin(home) {
  const root = join(home, "root");
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, "token-seen"), readFileSync(join(home, "token"), "utf8"));
  if (behaviour !== "parent") return;
  const env = { ...process.env, AZ_BATCH_NODE_ROOT_DIR: root };
  const task = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { detached: true, stdio: "ignore", env });
  writeFileSync(join(root, "task-pid"), String(task.pid));
}
setInterval(look, 5);
