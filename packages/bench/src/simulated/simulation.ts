import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { DatabaseAddress } from "@kyanite/service";
import type { Account } from "../client.ts";
import { endProgram } from "../programs.ts";
import type { AgentsMessage, HostMessage, SimulatedNode } from "./messages.ts";

export interface Simulation extends AsyncDisposable {
  readonly account: Account;
  readonly serverPid: number;
  readonly databasePid: number;
  readonly database: DatabaseAddress;
}

const program = (name: string) => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

/** A real server and database, each a process of its own, and agents of which thousands fit into a third. */
export async function startSimulation(): Promise<Simulation> {
  const account = { name: "bench", key: randomBytes(64).toString("base64") };
  // Ctrl-C in the terminal reaches neither: it is for us to stop them.
  const host = fork(program("host"), [account.name, account.key], { detached: true });
  const agents = fork(program("agents"), { detached: true });
  const early: SimulatedNode[] = [];
  const ready = await new Promise<Extract<HostMessage, { type: "ready" }>>((resolve, reject) => {
    let url: string | undefined;
    host.once("exit", (code) => reject(new Error(`the server ended with ${code}`)));
    host.on("message", (message: HostMessage) => {
      if (message.type === "ready") {
        url = message.url;
        resolve(message);
      }
      const nodes = message.type === "nodes" ? message.nodes : early.splice(0);
      if (url === undefined) early.push(...nodes);
      else agents.send({ url, nodes } satisfies AgentsMessage);
    });
  });
  return {
    account: { ...account, url: ready.url },
    serverPid: host.pid ?? 0,
    databasePid: ready.databasePid,
    database: ready.database,
    async [Symbol.asyncDispose]() {
      await endProgram(agents, "SIGKILL");
      await endProgram(host);
    },
  };
}
