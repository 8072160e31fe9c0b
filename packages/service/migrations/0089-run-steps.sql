-- When a run took which steps, and what they moved: of runs of which that is noteworthy, null of others.
alter table past_run add column steps jsonb;
