/** What of OpenTelemetry's variables is asked for here; the others are its library's to read. */
export interface TelemetrySettings {
  readonly traces: boolean;
  readonly metrics: boolean;
  readonly metricMilliseconds: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Protocols differ in the library that speaks them; this one every collector takes. */
const protocol = "http/json";

/**
 * Whether there is a collector to tell, by the variables that OpenTelemetry has for it.
 * @param problems what is wrong with them is added
 * @returns undefined when nothing is to be told
 */
export function readTelemetry(env: Environment, problems: string[]): TelemetrySettings | undefined {
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === "true") return undefined;
  const isOn = (signal: "TRACES" | "METRICS") => {
    const hasEndpoint = Boolean(env.OTEL_EXPORTER_OTLP_ENDPOINT || env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`]);
    return hasEndpoint && exporterOf(signal, env, problems) === "otlp";
  };
  const traces = isOn("TRACES");
  const metrics = isOn("METRICS");
  if (!traces && !metrics) return undefined;
  for (const name of ["", "TRACES_", "METRICS_"].map((signal) => `OTEL_EXPORTER_OTLP_${signal}PROTOCOL`))
    if (env[name] && env[name] !== protocol)
      problems.push(`${name}: must be ${protocol}, which is all that is spoken here`);
  return { traces, metrics, metricMilliseconds: intervalOf(env, problems) };
}

function exporterOf(signal: string, env: Environment, problems: string[]): string {
  const name = `OTEL_${signal}_EXPORTER`;
  const exporter = env[name] || "otlp";
  if (exporter !== "otlp" && exporter !== "none") problems.push(`${name}: must be otlp or none`);
  return exporter;
}

function intervalOf({ OTEL_METRIC_EXPORT_INTERVAL: text }: Environment, problems: string[]): number {
  if (!text) return 60_000;
  if (!/^\d{1,9}$/.test(text) || Number(text) < 100)
    problems.push("OTEL_METRIC_EXPORT_INTERVAL: must be milliseconds, 100 at least");
  return Number(text);
}
