-- Labels that clients of the management plane give what is in an account.
alter table pool add column tags jsonb;
alter table application add column tags jsonb;
alter table application_package add column tags jsonb;
alter table certificate add column tags jsonb;
