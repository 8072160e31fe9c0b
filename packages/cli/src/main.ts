import { readFileSync } from "node:fs";
import { Command } from "commander";

/** Ends the process: what the user has to know is on standard error. */
function fail(error: unknown): never {
  process.stderr.write(`kyanite: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

/** Each command's code is loaded when it is called, so that the others answer at once. */
function buildProgram(): Command {
  const program = new Command("kyanite").description("A self-hosted service with the REST API of Azure Batch");
  program.version(readVersion(), "-v, --version");
  addServerCommand(program, "start", "run the server in the foreground").action(async (_options, command: Command) => {
    const { start } = await import("./commands/start.ts");
    await start(command.args);
  });
  addServerCommand(program, "env", "print shell exports that point Azure's tools at the running server").action(
    async (_options, command: Command) => {
      const { env } = await import("./commands/env.ts");
      process.stdout.write(await env(command.args));
    },
  );
  addIdentityCommands(program);
  program
    .command("version")
    .description("print the version")
    .action(() => {
      process.stdout.write(`${readVersion()}\n`);
    });
  return program;
}

/** Programs that sign in with an id and a secret, instead of the account's key. */
function addIdentityCommands(program: Command): void {
  const identity = program.command("identity").description("service principals, with which programs sign in");
  const add = (usage: string, description: string) =>
    identity
      .command(usage)
      .description(`${description}; the server's flags say which server`)
      .allowUnknownOption()
      .allowExcessArguments();
  add("add <name>", "make one and print its id and secret")
    .option("--role <role>", "reader, submitter, operator or owner", "owner")
    .option("--account <name>", "the only account it may use (default: all)")
    .action(async (name: string, options: { role: string; account?: string }, command: Command) => {
      const { addIdentity } = await import("./commands/identity.ts");
      process.stdout.write(await addIdentity(name, options, command.args.slice(1)));
    });
  add("remove <name>", "let it sign in no more").action(async (name: string, _options, command: Command) => {
    const { removeIdentity } = await import("./commands/identity.ts");
    await removeIdentity(name, command.args.slice(1));
  });
  add("list", "print name, role, account and id of each").action(async (_options, command: Command) => {
    const { listIdentities } = await import("./commands/identity.ts");
    process.stdout.write(await listIdentities(command.args));
  });
}

/** A command that takes the server's flags: the configuration reads them, and describes them in the help. */
function addServerCommand(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .usage("[flags]")
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .hook("preAction", async (_program, command) => {
      if (!command.args.some((argument) => argument === "--help" || argument === "-h")) return;
      const { flagsHelp } = await import("./commands/flags-help.ts");
      process.stdout.write(`Usage: kyanite ${name} [flags]\n\n${description}\n\n${await flagsHelp()}`);
      process.exit(0);
    });
}

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  const version = typeof manifest === "object" && manifest !== null && "version" in manifest && manifest.version;
  return String(version);
}

await buildProgram().parseAsync().catch(fail);
