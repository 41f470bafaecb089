-- +goose Up
-- An operation survives the server that started it: its input stays with it, and
-- whoever works on it holds a lease, on the real clock like every lease.
ALTER TABLE operations
    ADD COLUMN input bytea,
    ADD COLUMN lease uuid,
    ADD COLUMN leased_until timestamptz;
CREATE INDEX operations_running ON operations (kind, leased_until) WHERE state = 'running';
CREATE POLICY relay ON operations TO firstfix_relay USING (state = 'running');
GRANT SELECT (tenant_id, id, kind, state, leased_until, created_at), UPDATE (lease, leased_until) ON operations TO firstfix_relay;
