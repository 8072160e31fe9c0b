type Exports = (variables: Readonly<Record<string, string>>) => string;

const lines =
  (line: (name: string, value: string) => string): Exports =>
  (variables) =>
    Object.entries(variables)
      .map(([name, value]) => `${line(name, value)}\n`)
      .join("");

/** How each shell sets variables for the programs that it starts. */
const shells: Readonly<Record<string, Exports>> = {
  // In single quotes nothing is special but the single quote; to fish the backslash is, too.
  sh: lines((name, value) => `export ${name}='${value.replaceAll("'", "'\\''")}'`),
  fish: lines((name, value) => `set -gx ${name} '${value.replace(/[\\']/g, "\\$&")}'`),
  powershell: lines((name, value) => `$env:${name} = '${value.replace(/['‘’‚‛]/g, "$&$&")}'`),
  // For a batch file, in which a percent sign begins a variable.
  cmd: lines((name, value) => `set "${name}=${value.replaceAll("%", "%%")}"`),
};

/** @throws when there is no such shell */
export function exportsFor(shell: string): Exports {
  const found = Object.hasOwn(shells, shell) ? shells[shell] : undefined;
  if (found) return found;
  const names = Object.keys(shells).join(", ");
  throw new Error(`${JSON.stringify(shell)} is no shell that is known: choose one of ${names}`);
}
