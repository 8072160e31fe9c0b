import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Operation } from "./operation.ts";
import { allOperations } from "./operations.ts";

function routesFile(): string {
  const entries: [string, Operation][] = Object.entries(allOperations);
  const lines = entries.map(([name, { method, path }]) => {
    const told = [method, path].map((each) => `"${each}"`);
    const line = `  ${name}: [${told.join(", ")}],`;
    return line.length <= 120 ? line : `  ${name}: [\n${told.map((each) => `    ${each},\n`).join("")}  ],`;
  });
  return `import type { Operation } from "./operation.ts";
import type { allOperations } from "./operations.ts";

/**
 * What a client has to know of each operation when it runs, without the schemas, which would bring their library into a
 * browser. Written by \`npm run routes\` from the operations.
 */
export type Route = readonly [method: Operation["method"], path: string];

export const routes: Readonly<Record<keyof typeof allOperations, Route>> = {
${lines.join("\n")}
};
`;
}

test("routes.ts is what the operations say; `npm run routes` writes it", () => {
  const file = new URL("routes.ts", import.meta.url);
  if (process.env.KYANITE_WRITE_DOCS === "1") writeFileSync(file, routesFile());
  expect(readFileSync(file, "utf8")).toBe(routesFile());
});
