import { readFileSync } from "node:fs";
import { Command } from "commander";

/** Ends the process: what the user has to know is on standard error. */
async function fail(error: unknown): Promise<never> {
  const { sentenceOf } = await import("@kyanite/service/host/system-errors");
  process.stderr.write(`kyanite: ${sentenceOf(error)}\n`);
  process.exit(1);
}

/** Each command's code is loaded when it is called, so that the others answer at once. */
function buildProgram(afterDashes: readonly string[]): Command {
  const program = new Command("kyanite").description("A self-hosted service with the REST API of Azure Batch");
  program.version(readVersion(), "-v, --version");
  addServerCommand(program, "start", { description: "run the server in the foreground", flags: "all" }).action(
    async (_options, command: Command) => {
      const { start } = await import("./commands/start.ts");
      await start(command.args);
    },
  );
  addServerCommand(program, "env", {
    description: "print what points Azure's tools at the running server, for a shell to evaluate",
    flags: "finding",
  })
    .option("--shell <name>", "sh, fish, powershell or cmd", "sh")
    .option("--json", "print the variables as a JSON object instead")
    .action(async (options: { shell: string; json?: true }, command: Command) => {
      const { env } = await import("./commands/env.ts");
      process.stdout.write(await env(options, command.args));
    });
  addIdentityCommands(program);
  addRedirectCommands(program, afterDashes);
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
      .description(`${description}; --data-dir says which server`)
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

/** Programs whose hosts are fixed. */
function addRedirectCommands(program: Command, afterDashes: readonly string[]): void {
  const redirect = program.command("redirect").description("send names of the cloud to this server");
  const add = (usage: string, description: string, settings = {}) =>
    redirect
      .command(usage, settings)
      .description(`${description}; --data-dir says which server`)
      .option("--accounts <names>", "Batch accounts, separated by commas (default: the server's own)")
      .allowUnknownOption()
      .allowExcessArguments();
  add("on", "for the whole machine, as root").action(async (options: { accounts?: string }, command: Command) => {
    const { redirectOn } = await import("./commands/redirect.ts");
    process.stdout.write(await redirectOn(options, command.args));
  });
  redirect
    .command("off")
    .description("take all of it back, also after a crash")
    .action(async () => {
      const { redirectOff } = await import("./commands/redirect.ts");
      process.stdout.write(await redirectOff());
    });
  redirect
    .command("status")
    .description("say whether the machine is redirected")
    .action(async () => {
      const { redirectStatus } = await import("./commands/redirect.ts");
      process.stdout.write(await redirectStatus());
    });
  add("answer", "the process behind `on`", { hidden: true }).action(
    async (options: { accounts?: string }, command: Command) => {
      const { answerRedirected } = await import("./commands/redirect.ts");
      await answerRedirected(options, command.args);
    },
  );
  add("exec", "for one command, in namespaces of its own: kyanite redirect exec -- COMMAND").action(
    async (options: { accounts?: string }, command: Command) => {
      const { execRedirected } = await import("./commands/redirect.ts");
      process.exitCode = await execRedirected(afterDashes, options, command.args);
    },
  );
  redirect.command("carry <directory>", { hidden: true }).action(async (directory: string) => {
    const { carryOut } = await import("./redirect/namespace.ts");
    await carryOut(directory);
  });
}

interface ServerCommand {
  readonly description: string;
  /** Which flags its help describes: it takes all of them, so that a server's own line can be repeated. */
  readonly flags: "all" | "finding";
}

/** A command that takes the server's flags: the configuration reads them, and describes them in the help. */
function addServerCommand(program: Command, name: string, { description, flags: which }: ServerCommand): Command {
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
      const own = command.options.map(({ flags, description }) => `  ${flags}  ${description}\n`).join("");
      const options = own && `Options:\n${own}\n`;
      process.stdout.write(`Usage: kyanite ${name} [flags]\n\n${description}\n\n${options}${await flagsHelp(which)}`);
      process.exit(0);
    });
}

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  const version = typeof manifest === "object" && manifest !== null && "version" in manifest && manifest.version;
  return String(version);
}

/** What follows `--` is a command with options of its own. */
const dashes = process.argv.indexOf("--");
const [own, after] = dashes < 0 ? [process.argv, []] : [process.argv.slice(0, dashes), process.argv.slice(dashes + 1)];
await buildProgram(after).parseAsync(own).catch(fail);
