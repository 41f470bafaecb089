-- +goose Up
-- Who waits for a window, and which free ones they were offered.
ALTER TABLE planning_areas
    ADD COLUMN waitlist_order          text NOT NULL DEFAULT 'time' CHECK (waitlist_order IN ('time', 'price')),
    ADD COLUMN waitlist_answer_seconds integer NOT NULL DEFAULT 1800 CHECK (waitlist_answer_seconds BETWEEN 60 AND 86400);

CREATE TABLE waitlist_entries (
    tenant_id        uuid NOT NULL REFERENCES tenants (id),
    id               uuid NOT NULL,
    planning_area_id text NOT NULL,
    customer_id      uuid NOT NULL,
    work_order_id    uuid NOT NULL,
    appointment_id   uuid, -- an earlier window is wanted for it, or what the entry became
    service_id       text NOT NULL,
    tier_id          text NOT NULL,
    price_minor      bigint NOT NULL, -- of the level when he joined
    currency         text NOT NULL,
    first_day        date NOT NULL,
    end_day          date NOT NULL, -- the first that would not do any more
    state            text NOT NULL CHECK (state IN ('waiting', 'offered', 'taken', 'left', 'ended')),
    lapses           smallint NOT NULL DEFAULT 0,
    joined_at        timestamptz NOT NULL,
    joined_by        text NOT NULL, -- subject
    version          bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, planning_area_id) REFERENCES planning_areas (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id),
    FOREIGN KEY (tenant_id, work_order_id) REFERENCES work_orders (tenant_id, id),
    FOREIGN KEY (tenant_id, appointment_id) REFERENCES appointments (tenant_id, id),
    FOREIGN KEY (tenant_id, service_id, tier_id) REFERENCES service_tiers (tenant_id, service_id, id),
    CHECK (first_day < end_day)
);
CREATE UNIQUE INDEX waitlist_entries_open ON waitlist_entries (tenant_id, work_order_id) WHERE state IN ('waiting', 'offered');
CREATE INDEX waitlist_entries_area ON waitlist_entries (tenant_id, planning_area_id, joined_at) WHERE state IN ('waiting', 'offered');
CREATE INDEX waitlist_entries_customer ON waitlist_entries (tenant_id, customer_id);
CALL guard_tenant('waitlist_entries');

CREATE TABLE waitlist_offers (
    tenant_id   uuid NOT NULL,
    entry_id    uuid NOT NULL,
    ordinal     smallint NOT NULL,
    hold_id     uuid NOT NULL, -- keeps the window for the entry
    outcome     text NOT NULL CHECK (outcome IN ('open', 'accepted', 'declined', 'lapsed', 'dropped')),
    offered_at  timestamptz NOT NULL,
    answered_at timestamptz,
    PRIMARY KEY (tenant_id, entry_id, ordinal),
    FOREIGN KEY (tenant_id, entry_id) REFERENCES waitlist_entries (tenant_id, id),
    FOREIGN KEY (tenant_id, hold_id) REFERENCES holds (tenant_id, id),
    CHECK ((outcome = 'open') = (answered_at IS NULL))
);
-- Nobody has two offers at once, and no slot is offered to two.
CREATE UNIQUE INDEX waitlist_offers_open ON waitlist_offers (tenant_id, entry_id) WHERE outcome = 'open';
CREATE UNIQUE INDEX waitlist_offers_hold ON waitlist_offers (tenant_id, hold_id);
CALL guard_tenant('waitlist_offers');
