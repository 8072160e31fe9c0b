import { access } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CannotBeHad, python } from "./installing.ts";

/** An `az` with the interpreter that it is installed for. */
export interface Az {
  readonly program: string;
  readonly interpreter: string;
}

/** Throws where the package azure-cli is not installed. */
export async function debiansAz(): Promise<Az> {
  await access("/usr/bin/az").catch((cause: unknown) => {
    throw new CannotBeHad("the Debian package azure-cli is not installed", { cause });
  });
  return { program: "/usr/bin/az", interpreter: "/usr/bin/python3" };
}

export async function newestAz(): Promise<Az> {
  const interpreter = await python(["azure-cli==2.91.0"]);
  return { program: join(dirname(interpreter), "az"), interpreter };
}
