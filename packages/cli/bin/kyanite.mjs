#!/usr/bin/env node
import { existsSync } from "node:fs";
import process from "node:process";

const program = new URL("../dist/main.js", import.meta.url);
if (existsSync(program)) await import(program);
else {
  process.stderr.write(
    "kyanite: this clone is not built yet: npm start installs, builds and starts it. If it is doing that now, wait until it logs ready\n",
  );
  process.exitCode = 1;
}
