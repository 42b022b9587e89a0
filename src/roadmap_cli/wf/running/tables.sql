CREATE TABLE IF NOT EXISTS wf_run (
    run_id text PRIMARY KEY, home text NOT NULL, plan_id text NOT NULL, workflow text NOT NULL,
    priority integer NOT NULL, concurrency integer, status text NOT NULL, bundle text NOT NULL,
    decision_id text NOT NULL, ending text, wanted text, denied_by text, wake_at timestamptz, wait_s float8,
    started_at timestamptz NOT NULL DEFAULT now(), finished_at timestamptz,
    holder text, token bigint NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS wf_worker (
    holder text PRIMARY KEY, lease_until timestamptz NOT NULL, is_fenced boolean NOT NULL DEFAULT false);
CREATE INDEX IF NOT EXISTS wf_run_ready ON wf_run(priority DESC, started_at) WHERE finished_at IS NULL;
CREATE INDEX IF NOT EXISTS wf_run_holder ON wf_run(holder) WHERE holder IS NOT NULL;
CREATE TABLE IF NOT EXISTS wf_unit (
    run_id text NOT NULL REFERENCES wf_run(run_id), unit text NOT NULL, status text NOT NULL, attempt integer NOT NULL,
    most integer NOT NULL, cuts integer NOT NULL, waits_for text, wake_at text, wait_s float8, task_id text,
    cursor bigint, position integer, is_reused integer NOT NULL, PRIMARY KEY (run_id, unit));
CREATE TABLE IF NOT EXISTS wf_step (
    run_id text NOT NULL REFERENCES wf_run(run_id), step text NOT NULL, attempt integer NOT NULL, workflow text NOT NULL,
    duration_ms integer NOT NULL, outcome text NOT NULL, PRIMARY KEY (run_id, step, attempt));
CREATE TABLE IF NOT EXISTS wf_breaker (
    dependency text PRIMARY KEY, failures integer NOT NULL, opened_at text, open_s float8 NOT NULL, probe text,
    probe_until text);
CREATE TABLE IF NOT EXISTS wf_bucket (dependency text PRIMARY KEY, tokens float8 NOT NULL, at text NOT NULL);
CREATE TABLE IF NOT EXISTS wf_task (
    task_id text PRIMARY KEY, home text NOT NULL, run_id text NOT NULL, body text NOT NULL, status text NOT NULL,
    answer text, answered_by text, expires_at text);
CREATE INDEX IF NOT EXISTS wf_task_waiting ON wf_task(home) WHERE status = 'waiting';
CREATE TABLE IF NOT EXISTS wf_event (
    place bigserial PRIMARY KEY, run_id text NOT NULL, event_id text NOT NULL, body text NOT NULL,
    UNIQUE (run_id, event_id));
CREATE TABLE IF NOT EXISTS wf_rights (home text PRIMARY KEY, digest text NOT NULL, body text NOT NULL);
CREATE TABLE IF NOT EXISTS wf_outbox (
    seq bigserial PRIMARY KEY, home text NOT NULL, run_id text NOT NULL, body text NOT NULL);
CREATE INDEX IF NOT EXISTS wf_outbox_home ON wf_outbox(home, seq);
