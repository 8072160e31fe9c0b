import { availableParallelism, cpus, totalmem } from "node:os";

/** Where and when figures were measured: those of two machines cannot be compared, ratios can. */
export const machine = {
  date: new Date().toISOString(),
  processor: cpus()[0]?.model ?? "unknown",
  cores: availableParallelism(),
  memoryGigabytes: Math.round(totalmem() / 2 ** 30),
  node: process.version,
};

export const describe = ({ date, processor, cores, memoryGigabytes, node }: typeof machine) =>
  `${date} · ${cores} × ${processor} · ${memoryGigabytes} GB · Node ${node}`;
