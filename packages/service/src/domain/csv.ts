/** What is not known is empty. */
export type CsvCell = string | number | boolean | null | undefined;

/**
 * One line of CSV as RFC 4180 has it. Spreadsheets take some texts for formulas, and clients choose some of the texts
 * that are shown: such a one gets an apostrophe before it.
 */
export function csvLine(cells: readonly CsvCell[]): string {
  return `${cells.map(cell).join(",")}\r\n`;
}

function cell(value: CsvCell): string {
  if (typeof value !== "string") return String(value ?? "");
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
