import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const packages = fileURLToPath(new URL("packages", import.meta.url));

export default defineConfig({
  resolve: {
    // Tests import our packages from source; the processes they start run what `npm run build` made.
    alias: [
      { find: /^@kyanite\/([^/]+)$/, replacement: `${packages}/$1/src/index.ts` },
      { find: /^@kyanite\/([^/]+)\/(.+)$/, replacement: `${packages}/$1/src/$2.ts` },
    ],
  },
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        // Beside what they test: they need neither a database nor processes.
        test: { name: "pure", include: ["packages/*/src/**/*.test.ts"], isolate: false },
      },
      {
        extends: true,
        test: {
          name: "real",
          include: ["packages/*/test/**/*.test.ts"],
          globalSetup: ["packages/testkit/src/global-setup.ts"],
        },
      },
    ],
  },
});
