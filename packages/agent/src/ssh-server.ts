import { connect } from "node:net";

const patienceMilliseconds = 2_000;

const ownMachine = "127.0.0.1";

/**
 * Where an SSH server of this machine answers: at `address`, or else for those who are on the machine themselves;
 * undefined when there is none.
 */
export async function findSshServer(address: string, port: number): Promise<string | undefined> {
  for (const host of [address, ownMachine]) if (await answers(host, port)) return host;
  return undefined;
}

/** The first thing that an SSH server says is its version. */
async function answers(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port, timeout: patienceMilliseconds });
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once("data", (greeting) => resolve(greeting.subarray(0, 4).toString("latin1") === "SSH-"));
      for (const event of ["error", "timeout", "end"]) socket.once(event, () => resolve(false));
    });
  } finally {
    socket.destroy();
  }
}
