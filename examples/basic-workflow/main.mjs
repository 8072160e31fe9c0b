// Runs the workflow against the service that the environment names:
//   eval "$(npx kyanite env)"; node examples/basic-workflow/main.mjs [PATH…]
import { fileURLToPath } from "node:url";
import { findInputs } from "./inputs.mjs";
import { createReport, say, showResults, showTimes } from "./report.mjs";
import { runWorkflow } from "./workflow.mjs";

const {
  AZURE_BATCH_ENDPOINT: batchUrl,
  AZURE_BATCH_ACCOUNT: account,
  AZURE_BATCH_ACCESS_KEY: accountKey,
  AZURE_STORAGE_CONNECTION_STRING: storageConnectionString,
} = process.env;
if (!batchUrl || !account || !accountKey || !storageConnectionString) {
  say('Say which service to use first: eval "$(npx kyanite env)"');
  process.exit(1);
}

const report = createReport();
const packages = fileURLToPath(new URL("../../node_modules", import.meta.url));
const inputs = await findInputs(process.argv.slice(2), packages);
const { signal } = new AbortController();
const service = { batchUrl, account, accountKey, storageConnectionString };
showResults(await runWorkflow(service, inputs, { ...report, signal }));
showTimes(report.times);
