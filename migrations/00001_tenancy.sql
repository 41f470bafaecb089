-- +goose Up
CREATE EXTENSION IF NOT EXISTS postgis;
CREATE EXTENSION IF NOT EXISTS btree_gist;

-- Roles, tenants, and what every transaction leans on: the tenant setting,
-- domain time, idempotency keys, audit, notices and wakeups.

-- The two group roles own nothing and cannot log in. The login role of servers
-- and workers is a NOINHERIT member of both: outside the one function that
-- begins transactions it may do nothing at all.
-- +goose StatementBegin
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'firstfix_app') THEN
        CREATE ROLE firstfix_app NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'firstfix_relay') THEN
        CREATE ROLE firstfix_relay NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL; -- another database of this cluster made them in the same moment
END
$$;
-- +goose StatementEnd

CREATE FUNCTION app_tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('app.tenant', true), '')::uuid $$;

-- Domain time. Production has this body for ever; the development stack, as the
-- owner of its own database, may replace it by one with an offset.
CREATE FUNCTION domain_now() RETURNS timestamptz
    LANGUAGE sql VOLATILE
    AS $$ SELECT clock_timestamp() $$;

-- guard_tenant puts a table behind row-level security: only rows of the tenant
-- of the transaction exist, for the owner too.
-- +goose StatementBegin
CREATE PROCEDURE guard_tenant(target regclass, tenant_column text DEFAULT 'tenant_id')
    LANGUAGE plpgsql
    AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format(
        'CREATE POLICY tenant ON %s TO firstfix_app USING (%I = (SELECT app_tenant())) WITH CHECK (%I = (SELECT app_tenant()))',
        target, tenant_column, tenant_column);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO firstfix_app', target);
END
$$;
-- +goose StatementEnd

CREATE TABLE tenants (
    id               uuid PRIMARY KEY,
    slug             text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9-]{1,63}$'),
    display_name     text NOT NULL,
    currency         text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    time_zone        text NOT NULL,
    language         text NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT domain_now()
);
CALL guard_tenant('tenants', 'id');
CREATE POLICY relay ON tenants FOR SELECT TO firstfix_relay USING (true);
GRANT SELECT (id, slug) ON tenants TO firstfix_relay;

-- Who may act in a tenant. The issuer says who somebody is, this table what he
-- may do.
CREATE TABLE members (
    tenant_id     uuid NOT NULL REFERENCES tenants (id),
    issuer        text NOT NULL,
    subject       text NOT NULL,
    role          text NOT NULL CHECK (role IN ('customer', 'technician', 'dispatcher', 'sales', 'administrator')),
    display_name  text NOT NULL,
    email         text NOT NULL DEFAULT '',
    technician_id uuid,
    customer_id   uuid,
    disabled      boolean NOT NULL DEFAULT false,
    version       bigint NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT domain_now(),
    PRIMARY KEY (tenant_id, issuer, subject),
    CHECK ((role = 'technician') = (technician_id IS NOT NULL)),
    CHECK ((role = 'customer') = (customer_id IS NOT NULL))
);
CALL guard_tenant('members');

CREATE TABLE idempotency_keys (
    tenant_id    uuid NOT NULL REFERENCES tenants (id),
    principal    text NOT NULL,
    method       text NOT NULL,
    request_id   uuid NOT NULL,
    request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
    answer       jsonb,
    -- Retention is judged on the real clock, since clients repeat in real time.
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, principal, method, request_id)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
CALL guard_tenant('idempotency_keys');
CREATE POLICY relay ON idempotency_keys TO firstfix_relay USING (true);
GRANT SELECT (tenant_id, created_at), DELETE ON idempotency_keys TO firstfix_relay;

CREATE TABLE audit_entries (
    tenant_id  uuid NOT NULL REFERENCES tenants (id),
    id         uuid NOT NULL,
    at         timestamptz NOT NULL DEFAULT domain_now(),
    actor      text NOT NULL,
    role       text NOT NULL,
    method     text NOT NULL,
    request_id uuid NOT NULL,
    subject    text NOT NULL,
    detail     jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, id)
);
CALL guard_tenant('audit_entries');
REVOKE UPDATE, DELETE ON audit_entries FROM firstfix_app;

-- Notices: facts that a long process must hear of, written in the transaction
-- that made them true. The relay delivers them in the order of a subject.
CREATE TABLE notices (
    tenant_id     uuid NOT NULL REFERENCES tenants (id),
    id            uuid NOT NULL,
    subject       text NOT NULL, -- resource name of the entity
    version       bigint NOT NULL, -- of the entity, orders the notices of a subject
    kind          text NOT NULL,
    payload       jsonb NOT NULL DEFAULT '{}', -- ids and times only, never personal data
    created_at    timestamptz NOT NULL DEFAULT domain_now(),
    attempts      integer NOT NULL DEFAULT 0,
    leased_until  timestamptz, -- on the real clock, like every lease
    lease         uuid, -- fencing: only the holder of this lease may mark the row
    last_error    text NOT NULL DEFAULT '',
    delivered_at  timestamptz, -- on the real clock
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, subject, version, kind)
);
CREATE INDEX notices_pending ON notices (tenant_id, subject, version, id) WHERE delivered_at IS NULL;
-- Two queues by age (ids sort by time): an import of thousands of work orders does
-- not hold up what somebody waits for.
CREATE INDEX notices_queues ON notices ((kind IN ('work_order_opened', 'work_order_resolved')), id) WHERE delivered_at IS NULL;
CREATE INDEX notices_delivered ON notices (delivered_at) WHERE delivered_at IS NOT NULL; -- for trimming
CALL guard_tenant('notices');
CREATE POLICY relay ON notices TO firstfix_relay USING (true);
GRANT SELECT, UPDATE (attempts, leased_until, lease, last_error, delivered_at), DELETE ON notices TO firstfix_relay;

-- Wakeups: when a sleeping workflow means to look at its rows again. Written in
-- the transaction that read the rows. The relay starts or nudges the workflow of
-- an overdue wakeup, so that a lost timer, a wiped workflow store or a moved
-- domain clock loses nothing.
CREATE TABLE wakeups (
    tenant_id    uuid NOT NULL REFERENCES tenants (id),
    workflow_id  text NOT NULL,
    kind         text NOT NULL, -- name of the workflow
    subject      text NOT NULL, -- its input
    due_at       timestamptz NOT NULL, -- domain time
    -- When the relay last asked for a look because of a notice, on the real
    -- clock; a look whose transaction began later answers it.
    asked_at     timestamptz,
    leased_until timestamptz, -- on the real clock: not nudged before
    nudges       integer NOT NULL DEFAULT 0, -- since it was last moved
    PRIMARY KEY (tenant_id, workflow_id)
);
-- One order for both: what was asked for is due before everything else.
CREATE INDEX wakeups_due ON wakeups ((CASE WHEN asked_at IS NULL THEN due_at ELSE '-infinity'::timestamptz END), workflow_id);
CALL guard_tenant('wakeups');
CREATE POLICY relay ON wakeups TO firstfix_relay USING (true);
GRANT SELECT, INSERT, UPDATE (asked_at, leased_until, nudges), DELETE ON wakeups TO firstfix_relay;

CREATE TABLE operations (
    tenant_id   uuid NOT NULL REFERENCES tenants (id),
    id          uuid NOT NULL,
    kind        text NOT NULL,
    state       text NOT NULL CHECK (state IN ('running', 'succeeded', 'failed')),
    progress    jsonb NOT NULL DEFAULT '{}',
    result      jsonb,
    failure     jsonb,
    created_at  timestamptz NOT NULL DEFAULT domain_now(),
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX operations_one_running ON operations (tenant_id, kind) WHERE state = 'running';
CALL guard_tenant('operations');

GRANT USAGE ON SCHEMA public TO firstfix_app, firstfix_relay;
