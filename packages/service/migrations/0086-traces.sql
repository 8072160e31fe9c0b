-- The trace to which a task belongs, as W3C's traceparent; only where a collector of OpenTelemetry is told.
alter table task add column trace_parent text;
