-- How large the text is that a client gave, so that a page of a list ends before it grows too large without a row being
-- read for that. A column, because the size of a long text is otherwise known only when it has been unpacked.
alter table pool add column spec_bytes integer not null generated always as (octet_length(spec::text)) stored;
alter table job add column spec_bytes integer not null generated always as (octet_length(spec::text)) stored;
alter table job_schedule add column spec_bytes integer not null generated always as (octet_length(spec::text)) stored;
alter table task add column spec_bytes integer not null generated always as (octet_length(spec::text)) stored;
alter table account add column spec_bytes integer not null generated always as (octet_length(spec::text)) stored;
