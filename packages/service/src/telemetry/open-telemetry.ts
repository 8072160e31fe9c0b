import type { Clock, Log } from "@kyanite/runtime";
import {
  type Context,
  DiagLogLevel,
  diag,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, BatchSpanProcessor, RandomIdGenerator } from "@opentelemetry/sdk-trace-base";
import type { Span } from "../domain/trace/span.ts";
import { parseTraceParent, writeTraceParent } from "../domain/trace/trace-context.ts";
import type { Collected } from "../metrics.ts";
import { metricPoints } from "./metric-points.ts";
import type { TelemetrySettings } from "./settings.ts";
import type { OpenSpan, Telemetry } from "./telemetry.ts";

export interface TelemetryParts {
  readonly settings: TelemetrySettings;
  readonly collect: () => Promise<readonly Collected[]>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The only file that knows OpenTelemetry's library, which is loaded with it: by who has been told of a collector, and by
 * nobody else. Where the collector is, what is sampled and how the service is called the library reads from its variables.
 */
export function startOpenTelemetry(parts: TelemetryParts): Telemetry {
  const { settings, log } = parts;
  const tell = (message: string) => log.warn("telemetry", { detail: message });
  diag.setLogger({ error: tell, warn: tell, info: () => {}, debug: () => {}, verbose: () => {} }, DiagLogLevel.WARN);
  const resource = resourceFromAttributes({ "service.name": "kyanite" }).merge(
    detectResources({ detectors: [envDetector] }),
  );
  const traces = settings.traces ? openTraces(resource) : undefined;
  const metrics = settings.metrics ? openMetrics(resource, parts) : undefined;
  return {
    begin: (name, parent) => traces?.begin(name, parent) ?? untold,
    tell: (spans) => traces?.tell(spans),
    stop: async () => {
      // A collector that is away must not keep a server from stopping.
      await Promise.allSettled([traces?.stop(), metrics?.shutdown()]);
    },
  };
}

type Resource = ReturnType<typeof resourceFromAttributes>;

const untold: OpenSpan = { traceParent: undefined, end: () => {} };

const scope = "kyanite";

function openTraces(resource: Resource): Telemetry {
  const ids = settableIds();
  const provider = new BasicTracerProvider({
    resource,
    idGenerator: ids,
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  const tracer = provider.getTracer(scope);
  return {
    begin: (name, parent) => beginSpan(tracer, name, contextOf(parent)),
    tell: (spans) => {
      for (const span of spans) {
        if (span.spanId !== undefined) ids.setNext(span.spanId);
        tellSpan(tracer, span);
      }
    },
    stop: () => provider.shutdown(),
  };
}

function beginSpan(tracer: Tracer, name: string, context: Context): OpenSpan {
  const span = tracer.startSpan(name, { kind: SpanKind.SERVER }, context);
  return {
    traceParent: span.isRecording() ? writeTraceParent({ ...span.spanContext(), isSampled: true }) : undefined,
    end: ({ name, facts, failure }) => {
      span.updateName(name).setAttributes(facts);
      if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
      span.end();
    },
  };
}

function tellSpan(tracer: Tracer, { name, parent, start, end, facts, failure }: Span): void {
  const span = tracer.startSpan(name, { startTime: start, attributes: facts }, contextOf(parent));
  if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
  span.end(end);
}

/** What is in no trace begins one. */
function contextOf(traceParent: string | undefined): Context {
  const parent = parseTraceParent(traceParent);
  if (!parent) return ROOT_CONTEXT;
  const { traceId, spanId, isSampled } = parent;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: isSampled ? 1 : 0, isRemote: true });
}

/** Ids of spans are random, but for those that were known before. */
function settableIds() {
  const random = new RandomIdGenerator();
  let next: string | undefined;
  return {
    generateTraceId: () => random.generateTraceId(),
    generateSpanId: () => {
      const id = next ?? random.generateSpanId();
      next = undefined;
      return id;
    },
    setNext: (id: string) => {
      next = id;
    },
  };
}

function openMetrics(resource: Resource, { settings, collect, clock }: TelemetryParts): MeterProvider {
  const begun = clock.now();
  const reader = new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter(),
    exportIntervalMillis: settings.metricMilliseconds,
    exportTimeoutMillis: Math.min(30_000, settings.metricMilliseconds),
    metricProducers: [
      {
        collect: async () => {
          const metrics = metricPoints(await collect(), { begun, now: clock.now() });
          return { resourceMetrics: { resource, scopeMetrics: [{ scope: { name: scope }, metrics }] }, errors: [] };
        },
      },
    ],
  });
  return new MeterProvider({ resource, readers: [reader] });
}
