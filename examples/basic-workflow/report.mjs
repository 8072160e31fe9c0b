// What the workflow shows: a line for each step with its time, a progress bar, and a table of results.
const isTerminal = process.stdout.isTTY === true;
const paint = (code, text) => (isTerminal && !process.env.NO_COLOR ? `\u001b[${code}m${text}\u001b[0m` : text);
const bold = (text) => paint(1, text);
const dim = (text) => paint(2, text);
const green = (text) => paint(32, text);

export const say = (text = "") => process.stdout.write(`${text}\n`);
const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(2)} s`.padStart(8);

/** Shows steps as they are done, and remembers how long each took. */
export function createReport() {
  const times = [];
  const note = (title, milliseconds) => {
    times.push({ title, milliseconds });
    say(`${erase()}${green("✓")} ${title.padEnd(44)} ${dim(seconds(milliseconds))}`);
  };
  return {
    times,
    note,
    step: async (title, work) => {
      const start = performance.now();
      if (isTerminal) process.stdout.write(`  ${title} …`);
      const result = await work();
      note(title, performance.now() - start);
      return result;
    },
    progress: (done, total) => {
      if (isTerminal) process.stdout.write(`${erase()}  ${bar(done / total)} ${done} of ${total} tasks`);
    },
  };
}

const erase = () => (isTerminal ? "\r\u001b[2K" : "");

function bar(share, width = 32) {
  const filled = Math.round(share * width);
  return `${green("█".repeat(filled))}${dim("░".repeat(width - filled))}`;
}

export function showResults({ results, summary }, shown = 10) {
  const rows = results.slice(0, shown).map(([name, lines, words, distinct, frequent]) => ({
    name: shorten(name ?? "", 40),
    lines: lines ?? "",
    words: words ?? "",
    distinct: distinct ?? "",
    frequent: frequent ?? "",
  }));
  const head = { name: "file", lines: "lines", words: "words", distinct: "distinct", frequent: "most frequent" };
  const row = ({ name, lines, words, distinct, frequent }) =>
    `  ${name.padEnd(40)} ${lines.padStart(6)} ${words.padStart(7)} ${distinct.padStart(8)}  ${frequent}`;
  say();
  say(bold(row(head)));
  for (const each of rows) say(row(each));
  if (results.length > shown) say(dim(`  … and ${results.length - shown} more`));
  say();
  for (const line of summary.trim().split("\n")) say(`  ${bold(line)}`);
}

const shorten = (text, width) => (text.length <= width ? text : `…${text.slice(1 - width)}`);

/** Where the time went, the longest first. */
export function showTimes(times) {
  const total = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const longest = [...times].sort((one, other) => other.milliseconds - one.milliseconds).slice(0, 4);
  const parts = longest.map(({ title, milliseconds }) => {
    const share = Math.round((100 * milliseconds) / total);
    return `${title.replace(/^\d\. /, "").toLowerCase()} ${share} %`;
  });
  say();
  say(`  ${bold(`${(total / 1000).toFixed(1)} s in all`)}: ${parts.join(", ")}`);
}
