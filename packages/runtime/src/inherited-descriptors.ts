import { closeSync, readdirSync, readFileSync } from "node:fs";

const closesOnExec = 0o2000000;

/**
 * Closes what whoever started this process had open and left to it, beside the three that every process has: our own
 * children would get it too. What this process opens itself is closed for them by the system. Linux only.
 */
export function closeInheritedDescriptors(): void {
  if (process.platform !== "linux") return;
  for (const name of readdirSync("/proc/self/fdinfo")) {
    if (Number(name) <= 2) continue;
    try {
      const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${name}`, "utf8"))?.[1];
      if (flags !== undefined && (Number.parseInt(flags, 8) & closesOnExec) === 0) closeSync(Number(name));
    } catch {
      // It was the one that listed them.
    }
  }
}
