import { defineConfig } from "vitest/config";

// Tests import our packages from source; the processes they start run what `npm run build` made.
export default defineConfig({
  ssr: { resolve: { conditions: ["source", "module", "node", "development|production"] } },
  resolve: { conditions: ["source", "module", "node", "development|production"] },
  test: {
    include: ["packages/*/src/**/*.test.ts", "packages/*/test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
