-- +goose Up
-- Handing referrals over to the CRMs of tenants, by webhook: the endpoints, and one
-- row per endpoint and change of a referral, with its attempts.

CREATE TABLE webhook_endpoints (
    tenant_id          uuid NOT NULL REFERENCES tenants (id),
    id                 uuid NOT NULL,
    display_name       text NOT NULL,
    url                text NOT NULL,
    format             text NOT NULL CHECK (format IN ('firstfix', 'salesforce', 'hubspot')),
    state              text NOT NULL CHECK (state IN ('enabled', 'disabled')),
    state_reason       text NOT NULL DEFAULT '',
    -- Secrets are derived from the installation's seal by these numbers and are
    -- stored nowhere. While previous_until is in the future, two of them sign.
    key_number         integer NOT NULL DEFAULT 1 CHECK (key_number >= 1),
    previous_until     timestamptz,
    -- Deliveries in a row that found nobody; after some the endpoint rests.
    failures           integer NOT NULL DEFAULT 0,
    rests_until        timestamptz,
    created_at         timestamptz NOT NULL DEFAULT domain_now(),
    version            bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id)
);
CALL guard_tenant('webhook_endpoints');
CREATE POLICY relay ON webhook_endpoints FOR SELECT TO firstfix_relay USING (true);
GRANT SELECT (tenant_id, id, state, rests_until) ON webhook_endpoints TO firstfix_relay;

CREATE TABLE webhook_deliveries (
    tenant_id    uuid NOT NULL,
    id           uuid NOT NULL, -- webhook-id of every attempt, for ever
    endpoint_id  uuid NOT NULL,
    referral_id  uuid, -- null for a test
    version      bigint NOT NULL, -- of the referral
    event        text NOT NULL CHECK (event IN ('referral.changed', 'test')),
    -- What is told, as it was when it happened: an attempt days later says the same.
    -- It holds personal data and is emptied when it has been delivered.
    lead         jsonb,
    state        text NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    state_reason text NOT NULL DEFAULT '',
    status       integer NOT NULL DEFAULT 0, -- of the last HTTP answer, 0 if there was none
    attempts     integer NOT NULL DEFAULT 0,
    due_at       timestamptz NOT NULL, -- domain time
    retry_since  timestamptz NOT NULL, -- when its three days began: made, or replayed
    leased_until timestamptz, -- on the real clock
    lease        uuid, -- fencing: only the holder of this lease may settle the row
    created_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, endpoint_id, referral_id, version),
    FOREIGN KEY (tenant_id, endpoint_id) REFERENCES webhook_endpoints (tenant_id, id),
    FOREIGN KEY (tenant_id, referral_id) REFERENCES referrals (tenant_id, id),
    CHECK ((event = 'test') = (referral_id IS NULL))
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (tenant_id, endpoint_id, due_at, id) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_leased ON webhook_deliveries (tenant_id, endpoint_id, leased_until) WHERE state = 'pending' AND leased_until IS NOT NULL;
CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (tenant_id, endpoint_id, id);
CREATE INDEX webhook_deliveries_referral ON webhook_deliveries (tenant_id, referral_id, id);
CREATE INDEX webhook_deliveries_dead ON webhook_deliveries (tenant_id, endpoint_id, created_at) WHERE state = 'dead';
CALL guard_tenant('webhook_deliveries');
CREATE POLICY relay ON webhook_deliveries TO firstfix_relay USING (true);
GRANT SELECT (tenant_id, id, endpoint_id, state, due_at, leased_until, lease, attempts), UPDATE (leased_until, lease, attempts)
    ON webhook_deliveries TO firstfix_relay;
