-- +goose Up
-- Sales desks, the rules by which referrals come to them, and the clocks of a
-- referral after it was accepted.

CREATE TABLE sales_desks (
    tenant_id    uuid NOT NULL REFERENCES tenants (id),
    id           text NOT NULL CHECK (id ~ '^[a-z0-9-]{1,63}$'),
    display_name text NOT NULL,
    time_zone    text NOT NULL,
    closed       date[] NOT NULL DEFAULT '{}', -- days without office hours
    members      text[] NOT NULL, -- subjects
    ladder       text[] NOT NULL DEFAULT '{}', -- subjects: whom it goes up to, the manager last
    version      bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id)
);
CALL guard_tenant('sales_desks');

CREATE TABLE office_hours (
    tenant_id     uuid NOT NULL,
    sales_desk_id text NOT NULL,
    ordinal       smallint NOT NULL,
    weekdays      smallint[] NOT NULL, -- ISO, 1 = Monday
    starts_local  time NOT NULL,
    ends_local    time NOT NULL, -- not after starts_local: on the next day
    PRIMARY KEY (tenant_id, sales_desk_id, ordinal),
    FOREIGN KEY (tenant_id, sales_desk_id) REFERENCES sales_desks (tenant_id, id)
);
CALL guard_tenant('office_hours');

-- How long each step may take, in office hours; the first that fits counts.
CREATE TABLE desk_clocks (
    tenant_id         uuid NOT NULL,
    sales_desk_id     text NOT NULL,
    ordinal           smallint NOT NULL,
    tier_id           text NOT NULL DEFAULT '', -- '' for every tier
    urgency           text NOT NULL DEFAULT '' CHECK (urgency IN ('', 'low', 'normal', 'high')), -- '' for every one
    accept_seconds    bigint NOT NULL CHECK (accept_seconds > 0),
    contact_seconds   bigint NOT NULL CHECK (contact_seconds > 0),
    next_step_seconds bigint NOT NULL CHECK (next_step_seconds > 0),
    PRIMARY KEY (tenant_id, sales_desk_id, ordinal),
    FOREIGN KEY (tenant_id, sales_desk_id) REFERENCES sales_desks (tenant_id, id)
);
CALL guard_tenant('desk_clocks');

CREATE TABLE routing_rules (
    tenant_id     uuid NOT NULL REFERENCES tenants (id),
    id            text NOT NULL CHECK (id ~ '^[a-z0-9-]{1,63}$'),
    position      integer NOT NULL CHECK (position >= 1),
    territories   text[] NOT NULL DEFAULT '{}', -- ids, none for everywhere
    services      text[] NOT NULL DEFAULT '{}', -- ids, none for everything
    urgencies     text[] NOT NULL DEFAULT '{}' CHECK (urgencies <@ '{low,normal,high}'),
    sales_desk_id text NOT NULL,
    assignment    text NOT NULL CHECK (assignment IN ('least_loaded', 'account_owner', 'member')),
    member        text NOT NULL DEFAULT '',
    max_open      integer NOT NULL DEFAULT 0 CHECK (max_open >= 0), -- 0 for no limit
    version       bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, sales_desk_id) REFERENCES sales_desks (tenant_id, id),
    CHECK ((assignment = 'member') = (member <> ''))
);
CALL guard_tenant('routing_rules');

ALTER TABLE customers ADD COLUMN account_owner text NOT NULL DEFAULT ''; -- subject of the sales member

ALTER TABLE referrals
    ADD COLUMN sales_desk_id text,
    ADD COLUMN step_due_at   timestamptz, -- until when the owner has to take the next step after accepting
    ADD COLUMN escalated_to  text NOT NULL DEFAULT '', -- subject of who looks after it, '' while its owner is in time
    ADD COLUMN paused_at     timestamptz,
    ADD COLUMN paused_until  timestamptz,
    ADD COLUMN pause_reason  text NOT NULL DEFAULT '',
    ADD FOREIGN KEY (tenant_id, sales_desk_id) REFERENCES sales_desks (tenant_id, id),
    ADD CONSTRAINT referrals_pause_whole CHECK ((paused_at IS NULL) = (paused_until IS NULL) AND (paused_at IS NULL) = (pause_reason = ''));

-- Somebody else sells from now on, and is paid for it.
ALTER TABLE pay_postings DROP CONSTRAINT pay_postings_reason_check;
ALTER TABLE pay_postings ADD CONSTRAINT pay_postings_reason_check
    CHECK (reason IN ('accepted', 'won', 'stayed', 'left', 'reversed', 'reinstated', 'original_ended', 'reassigned', 'paid'));
