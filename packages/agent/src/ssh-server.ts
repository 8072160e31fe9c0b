import { connect } from "node:net";

const patienceMilliseconds = 2_000;

/** Whether an SSH server answers at this port of the machine: the first thing that one says is its version. */
export async function findSshServer(port: number): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port, timeout: patienceMilliseconds });
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once("data", (greeting) => resolve(greeting.subarray(0, 4).toString("latin1") === "SSH-"));
      for (const event of ["error", "timeout", "end"]) socket.once(event, () => resolve(false));
    });
  } finally {
    socket.destroy();
  }
}
