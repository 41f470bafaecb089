-- +goose Up
-- What happened in the field, what came of it, and what was told to whom.

-- Acknowledged events of devices. Append-only; state is a fold over them.
CREATE TABLE field_events (
    tenant_id     uuid NOT NULL,
    device_id     uuid NOT NULL,
    event_id      uuid NOT NULL,
    epoch         bigint NOT NULL, -- installation of the app
    seq           bigint NOT NULL, -- gap-free within an epoch, from 1
    technician_id uuid NOT NULL,
    visit_id      uuid, -- null where the event is about no visit, or about one that is not his
    kind          text NOT NULL,
    occurred_at   timestamptz NOT NULL, -- by the device's clock
    received_at   timestamptz NOT NULL DEFAULT domain_now(),
    payload       jsonb NOT NULL,
    payload_hash  bytea NOT NULL,
    disposition   text NOT NULL CHECK (disposition IN ('accepted', 'conflict', 'rejected')),
    reason        text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, device_id, event_id),
    FOREIGN KEY (tenant_id, technician_id) REFERENCES technicians (tenant_id, id),
    FOREIGN KEY (tenant_id, visit_id) REFERENCES visits (tenant_id, id)
);
CREATE INDEX field_events_sequence ON field_events (tenant_id, device_id, epoch, seq);
CREATE INDEX field_events_visit ON field_events (tenant_id, visit_id, occurred_at);
CALL guard_tenant('field_events');
REVOKE UPDATE, DELETE ON field_events FROM firstfix_app;

-- The same event id with other content: the first stays, both are kept.
CREATE TABLE field_event_conflicts (
    tenant_id    uuid NOT NULL,
    id           uuid NOT NULL,
    device_id    uuid NOT NULL,
    event_id     uuid NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT domain_now(),
    payload      jsonb NOT NULL,
    payload_hash bytea NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, device_id, event_id, payload_hash),
    FOREIGN KEY (tenant_id, device_id, event_id) REFERENCES field_events (tenant_id, device_id, event_id)
);
CALL guard_tenant('field_event_conflicts');
REVOKE UPDATE, DELETE ON field_event_conflicts FROM firstfix_app;

-- One row per life of a fix window. The verdict is a pure function of the rows
-- of the work, kept here with the moment it was judged.
CREATE TABLE fix_episodes (
    tenant_id            uuid NOT NULL,
    work_order_id        uuid NOT NULL,
    episode              integer NOT NULL CHECK (episode >= 1),
    service_id           text NOT NULL,
    technician_id        uuid, -- of the first visit
    resolved_at          timestamptz NOT NULL,
    window_days          integer NOT NULL,
    due_at               timestamptz NOT NULL, -- end of the fix window
    state                text NOT NULL CHECK (state IN ('provisional', 'final')),
    verdict              text NOT NULL CHECK (verdict IN ('first_time_fix', 'repeat_visit', 'not_counted')),
    reason               text NOT NULL DEFAULT '',
    repeat_work_order_id uuid,
    judged_at            timestamptz NOT NULL,
    version              bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, work_order_id, episode),
    FOREIGN KEY (tenant_id, work_order_id) REFERENCES work_orders (tenant_id, id),
    FOREIGN KEY (tenant_id, repeat_work_order_id) REFERENCES work_orders (tenant_id, id),
    FOREIGN KEY (tenant_id, service_id) REFERENCES services (tenant_id, id)
);
CREATE INDEX fix_episodes_resolved ON fix_episodes (tenant_id, resolved_at, service_id);
CALL guard_tenant('fix_episodes');

CREATE TABLE referrals (
    tenant_id        uuid NOT NULL REFERENCES tenants (id),
    id               uuid NOT NULL,
    visit_id         uuid NOT NULL,
    work_order_id    uuid NOT NULL,
    site_id          uuid NOT NULL,
    customer_id      uuid NOT NULL,
    technician_id    uuid NOT NULL,
    need             text NOT NULL, -- what the customer struggles with
    suggestion       text NOT NULL DEFAULT '',
    service_id       text, -- catalogue item that might help
    urgency          text NOT NULL CHECK (urgency IN ('low', 'normal', 'high')),
    consent_channel  text NOT NULL CHECK (consent_channel IN ('phone', 'email', 'text')),
    estimate_minor   bigint,
    currency         text,
    state            text NOT NULL CHECK (state IN ('logged', 'routed', 'accepted', 'contacted', 'qualified', 'quoted', 'won', 'lost', 'declined', 'expired')),
    state_reason     text NOT NULL DEFAULT '',
    duplicate_of     uuid,
    owner            text NOT NULL DEFAULT '', -- subject of the sales member, '' until routed
    accept_due_at    timestamptz,
    escalation       smallint NOT NULL DEFAULT 0, -- reminders and escalations so far
    value_minor      bigint,
    logged_at        timestamptz NOT NULL,
    accepted_at      timestamptz,
    contacted_at     timestamptz,
    closed_at        timestamptz,
    version          bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, visit_id) REFERENCES visits (tenant_id, id),
    FOREIGN KEY (tenant_id, work_order_id) REFERENCES work_orders (tenant_id, id),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id),
    FOREIGN KEY (tenant_id, technician_id) REFERENCES technicians (tenant_id, id),
    FOREIGN KEY (tenant_id, service_id) REFERENCES services (tenant_id, id),
    FOREIGN KEY (tenant_id, duplicate_of) REFERENCES referrals (tenant_id, id)
);
CREATE INDEX referrals_state ON referrals (tenant_id, state, id);
CREATE INDEX referrals_customer ON referrals (tenant_id, customer_id, logged_at);
CREATE INDEX referrals_technician ON referrals (tenant_id, technician_id, id);
CALL guard_tenant('referrals');

CREATE TABLE referral_moves (
    tenant_id   uuid NOT NULL,
    referral_id uuid NOT NULL,
    version     bigint NOT NULL, -- of the referral after the move
    from_state  text NOT NULL,
    to_state    text NOT NULL,
    owner       text NOT NULL DEFAULT '', -- after the move
    actor       text NOT NULL,
    reason      text NOT NULL DEFAULT '',
    at          timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, referral_id, version),
    FOREIGN KEY (tenant_id, referral_id) REFERENCES referrals (tenant_id, id)
);
CALL guard_tenant('referral_moves');
REVOKE UPDATE, DELETE ON referral_moves FROM firstfix_app;

-- Messages to the outside, one row each with its attempts. The row holds ids;
-- who it goes to and what it says is read when it is sent.
CREATE TABLE deliveries (
    tenant_id       uuid NOT NULL REFERENCES tenants (id),
    id              uuid NOT NULL,
    channel         text NOT NULL CHECK (channel IN ('mail', 'text')),
    template        text NOT NULL,
    subject         text NOT NULL, -- resource name of what it is about
    recipient       text NOT NULL, -- resource name of whom it goes to
    dedupe_key      text NOT NULL, -- one message per key, however often asked for
    state           text NOT NULL CHECK (state IN ('pending', 'sent', 'suppressed', 'dead')),
    state_reason    text NOT NULL DEFAULT '',
    receipt         text NOT NULL DEFAULT '', -- what the provider answered
    attempts        integer NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL, -- domain time
    leased_until    timestamptz,
    lease           uuid,
    created_at      timestamptz NOT NULL DEFAULT domain_now(),
    finished_at     timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, dedupe_key)
);
CREATE INDEX deliveries_due ON deliveries (channel, due_at, id) WHERE state = 'pending';
CALL guard_tenant('deliveries');
CREATE POLICY relay ON deliveries TO firstfix_relay USING (true);
GRANT SELECT, UPDATE (leased_until, lease, attempts) ON deliveries TO firstfix_relay;
