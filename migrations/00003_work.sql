-- +goose Up
-- Work: orders, holds, appointments and their promises, visits, the commitments
-- of technicians' time, and plans.

CREATE TABLE work_orders (
    tenant_id          uuid NOT NULL REFERENCES tenants (id),
    id                 uuid NOT NULL,
    customer_id        uuid,
    site_id            uuid NOT NULL,
    asset_id           uuid,
    service_id         text NOT NULL,
    planning_area_id   text NOT NULL,
    state              text NOT NULL CHECK (state IN ('open', 'scheduled', 'in_progress', 'resolved', 'cancelled')),
    priority           smallint NOT NULL DEFAULT 3 CHECK (priority BETWEEN 1 AND 5), -- 1 is the most urgent
    issue              text NOT NULL DEFAULT '',
    due_at             timestamptz,
    external_reference text NOT NULL DEFAULT '',
    corrects_id        uuid, -- the earlier work order whose issue came back
    episode            integer NOT NULL DEFAULT 0, -- of its fix window; 0 = never resolved
    opened_at          timestamptz NOT NULL,
    resolved_at        timestamptz,
    version            bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, id),
    FOREIGN KEY (tenant_id, asset_id) REFERENCES assets (tenant_id, id),
    FOREIGN KEY (tenant_id, service_id) REFERENCES services (tenant_id, id),
    FOREIGN KEY (tenant_id, planning_area_id) REFERENCES planning_areas (tenant_id, id),
    FOREIGN KEY (tenant_id, corrects_id) REFERENCES work_orders (tenant_id, id)
);
CREATE UNIQUE INDEX work_orders_external ON work_orders (tenant_id, external_reference) WHERE external_reference <> '';
CREATE INDEX work_orders_issue ON work_orders (tenant_id, site_id, service_id, opened_at);
CREATE INDEX work_orders_state ON work_orders (tenant_id, planning_area_id, state, id);
CALL guard_tenant('work_orders');

CREATE TABLE holds (
    tenant_id        uuid NOT NULL REFERENCES tenants (id),
    id               uuid NOT NULL,
    holder           text NOT NULL, -- subject of the principal
    state            text NOT NULL CHECK (state IN ('held', 'confirmed', 'released', 'expired')),
    planning_area_id text NOT NULL,
    service_id       text NOT NULL,
    tier_id          text NOT NULL,
    work_order_id    uuid, -- where the work is known already
    appointment_id   uuid, -- what the hold became, or what it shall reschedule
    address          text NOT NULL,
    postal_code      text NOT NULL,
    location         geometry(Point, 4326) NOT NULL,
    window_start     timestamptz NOT NULL,
    window_end       timestamptz NOT NULL,
    time_zone        text NOT NULL,
    price_minor      bigint NOT NULL,
    currency         text NOT NULL,
    duration_seconds integer NOT NULL,
    expires_at       timestamptz NOT NULL,
    extensions       smallint NOT NULL DEFAULT 0,
    created_at       timestamptz NOT NULL DEFAULT domain_now(),
    version          bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, planning_area_id) REFERENCES planning_areas (tenant_id, id),
    FOREIGN KEY (tenant_id, service_id, tier_id) REFERENCES service_tiers (tenant_id, service_id, id),
    FOREIGN KEY (tenant_id, work_order_id) REFERENCES work_orders (tenant_id, id),
    CHECK (window_start < window_end)
);
CREATE INDEX holds_due ON holds (expires_at) WHERE state = 'held';
CREATE INDEX holds_holder ON holds (tenant_id, holder) WHERE state = 'held';
CALL guard_tenant('holds');
-- The sweeper finds what is overdue before it knows a tenant, and no more.
CREATE POLICY relay ON holds FOR SELECT TO firstfix_relay USING (state = 'held');
GRANT SELECT (tenant_id, id, state, expires_at) ON holds TO firstfix_relay;

CREATE TABLE appointments (
    tenant_id     uuid NOT NULL REFERENCES tenants (id),
    id            uuid NOT NULL,
    work_order_id uuid NOT NULL,
    customer_id   uuid NOT NULL,
    state         text NOT NULL CHECK (state IN ('confirmed', 'closed', 'cancelled')),
    service_id    text NOT NULL,
    tier_id       text NOT NULL,
    window_start  timestamptz NOT NULL,
    window_end    timestamptz NOT NULL,
    time_zone     text NOT NULL,
    price_minor   bigint NOT NULL,
    currency      text NOT NULL,
    promise       integer NOT NULL DEFAULT 1, -- ordinal of the promise in force
    link_epoch    integer NOT NULL DEFAULT 1, -- links of an earlier epoch are dead
    cancel_reason text NOT NULL DEFAULT '',
    booked_by     text NOT NULL,
    booked_at     timestamptz NOT NULL,
    version       bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, work_order_id) REFERENCES work_orders (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id),
    FOREIGN KEY (tenant_id, service_id, tier_id) REFERENCES service_tiers (tenant_id, service_id, id),
    CHECK (window_start < window_end)
);
CREATE INDEX appointments_window ON appointments (tenant_id, window_start, id);
CREATE INDEX appointments_work_order ON appointments (tenant_id, work_order_id);
CREATE INDEX appointments_customer ON appointments (tenant_id, customer_id, window_start);
CALL guard_tenant('appointments');
ALTER TABLE holds
    ADD FOREIGN KEY (tenant_id, appointment_id) REFERENCES appointments (tenant_id, id);

-- The ledger of promises. The first is never overwritten: a re-promise is a new
-- entry with who and why; only whether it was kept is judged later.
CREATE TABLE promises (
    tenant_id      uuid NOT NULL,
    appointment_id uuid NOT NULL,
    ordinal        integer NOT NULL CHECK (ordinal >= 1),
    window_start   timestamptz NOT NULL,
    window_end     timestamptz NOT NULL,
    time_zone      text NOT NULL,
    wall_start     timestamp NOT NULL, -- as the customer reads it
    made_at        timestamptz NOT NULL,
    made_by        text NOT NULL,
    reason         text NOT NULL,
    outcome        text NOT NULL DEFAULT 'open' CHECK (outcome IN ('open', 'kept', 'missed', 'superseded', 'withdrawn')),
    judged_at      timestamptz,
    PRIMARY KEY (tenant_id, appointment_id, ordinal),
    FOREIGN KEY (tenant_id, appointment_id) REFERENCES appointments (tenant_id, id) DEFERRABLE INITIALLY DEFERRED
);
CALL guard_tenant('promises');
REVOKE UPDATE, DELETE ON promises FROM firstfix_app;
GRANT UPDATE (outcome, judged_at) ON promises TO firstfix_app;

-- A window without the promise that says who made it and why cannot be stored.
-- +goose StatementBegin
CREATE FUNCTION appointment_window_is_promised() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM promises p
        WHERE p.tenant_id = NEW.tenant_id AND p.appointment_id = NEW.id AND p.ordinal = NEW.promise
          AND p.window_start = NEW.window_start AND p.window_end = NEW.window_end
    ) THEN
        RAISE EXCEPTION 'window of appointment % has no promise %', NEW.id, NEW.promise
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER appointment_window_is_promised
    AFTER INSERT OR UPDATE OF window_start, window_end, promise ON appointments
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION appointment_window_is_promised();

CREATE TABLE visits (
    tenant_id        uuid NOT NULL REFERENCES tenants (id),
    id               uuid NOT NULL,
    work_order_id    uuid NOT NULL,
    appointment_id   uuid, -- null where nothing was promised to anybody
    planning_area_id text NOT NULL,
    ordinal          integer NOT NULL CHECK (ordinal >= 1), -- of the work order
    state            text NOT NULL CHECK (state IN ('unassigned', 'planned', 'en_route', 'on_site', 'in_progress', 'closed', 'cancelled')),
    duration_seconds integer NOT NULL CHECK (duration_seconds > 0),
    -- Who did or does it; who is meant to do it stands in commitments.
    technician_id    uuid,
    en_route_at      timestamptz,
    arrived_at       timestamptz,
    started_at       timestamptz,
    finished_at      timestamptz,
    outcome          text NOT NULL DEFAULT '' CHECK (outcome IN ('', 'resolved', 'needs_return', 'no_access', 'cancelled_on_site')),
    outcome_reason   text NOT NULL DEFAULT '',
    late_told_at     timestamptz, -- when the customer was told of a delay
    created_at       timestamptz NOT NULL,
    version          bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, work_order_id, ordinal),
    FOREIGN KEY (tenant_id, work_order_id) REFERENCES work_orders (tenant_id, id),
    FOREIGN KEY (tenant_id, appointment_id) REFERENCES appointments (tenant_id, id),
    FOREIGN KEY (tenant_id, technician_id) REFERENCES technicians (tenant_id, id),
    FOREIGN KEY (tenant_id, planning_area_id) REFERENCES planning_areas (tenant_id, id),
    CHECK ((state = 'closed') = (outcome <> ''))
);
CREATE INDEX visits_appointment ON visits (tenant_id, appointment_id);
CREATE INDEX visits_area_state ON visits (tenant_id, planning_area_id, state, id);
CREATE INDEX visits_technician ON visits (tenant_id, technician_id, finished_at);
CALL guard_tenant('visits');

-- Commitments are intentions: the spans of a technician's time that a hold, a
-- visit, a break or an absence shall occupy, time on site with its buffer. What
-- really happened lives in visits and events, without such a constraint: a
-- visit under way leaves the predicate, so that reality is never refused.
CREATE TABLE commitments (
    tenant_id          uuid NOT NULL,
    id                 uuid NOT NULL,
    technician_id      uuid NOT NULL,
    shift_id           uuid NOT NULL,
    kind               text NOT NULL CHECK (kind IN ('hold', 'visit', 'break', 'absence')),
    state              text NOT NULL CHECK (state IN ('held', 'planned', 'under_way', 'done', 'released')),
    hold_id            uuid,
    visit_id           uuid,
    absence_id         uuid,
    starts_at          timestamptz NOT NULL,
    ends_at            timestamptz NOT NULL,
    travel_seconds     integer NOT NULL DEFAULT 0 CHECK (travel_seconds >= 0), -- from the stop before
    pinned_by          text NOT NULL DEFAULT '', -- who fixed technician and time, '' if free
    overlap_allowed_by text, -- who allowed it to overlap others, null if nobody
    version            bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, technician_id) REFERENCES technicians (tenant_id, id),
    FOREIGN KEY (tenant_id, shift_id) REFERENCES shifts (tenant_id, id),
    FOREIGN KEY (tenant_id, hold_id) REFERENCES holds (tenant_id, id),
    FOREIGN KEY (tenant_id, visit_id) REFERENCES visits (tenant_id, id),
    FOREIGN KEY (tenant_id, absence_id) REFERENCES absences (tenant_id, id),
    CHECK (starts_at < ends_at AND ends_at <= starts_at + interval '24 hours'),
    CHECK (CASE kind
        WHEN 'hold' THEN hold_id IS NOT NULL AND visit_id IS NULL AND absence_id IS NULL
        WHEN 'visit' THEN visit_id IS NOT NULL AND absence_id IS NULL
        WHEN 'absence' THEN absence_id IS NOT NULL AND hold_id IS NULL AND visit_id IS NULL
        ELSE hold_id IS NULL AND visit_id IS NULL AND absence_id IS NULL
    END),
    CONSTRAINT commitments_do_not_overlap EXCLUDE USING gist
        (tenant_id WITH =, technician_id WITH =, tstzrange(starts_at, ends_at, '[)') WITH &&)
        WHERE (state IN ('held', 'planned') AND overlap_allowed_by IS NULL)
        DEFERRABLE INITIALLY IMMEDIATE
);
CREATE INDEX commitments_shift ON commitments (tenant_id, shift_id, starts_at) WHERE state <> 'released';
CREATE UNIQUE INDEX commitments_one_per_visit ON commitments (tenant_id, visit_id) WHERE visit_id IS NOT NULL AND state <> 'released';
CREATE UNIQUE INDEX commitments_one_per_hold ON commitments (tenant_id, hold_id) WHERE kind = 'hold' AND state <> 'released';
CREATE INDEX commitments_technician ON commitments (tenant_id, technician_id, starts_at) WHERE state <> 'released';
CALL guard_tenant('commitments');

-- Every search for offers, so that what was refused can be counted and explained.
CREATE TABLE slot_searches (
    tenant_id        uuid NOT NULL REFERENCES tenants (id),
    id               uuid NOT NULL,
    at               timestamptz NOT NULL,
    planning_area_id text NOT NULL DEFAULT '', -- '' = outside every territory
    service_id       text NOT NULL,
    offered          integer NOT NULL,
    no_offer_reason  text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX slot_searches_at ON slot_searches (tenant_id, at);
CALL guard_tenant('slot_searches');

-- Plans are versions of an area's day; only the published one is projected to
-- commitments. Undo is a new version.
CREATE TABLE plans (
    tenant_id        uuid NOT NULL REFERENCES tenants (id),
    id               uuid NOT NULL,
    planning_area_id text NOT NULL,
    local_date       date NOT NULL,
    version          integer NOT NULL,
    state            text NOT NULL CHECK (state IN ('draft', 'published', 'superseded')),
    author           text NOT NULL,
    cost             bigint NOT NULL,
    travel_seconds   bigint NOT NULL,
    work_seconds     bigint NOT NULL,
    moved            integer NOT NULL, -- visits whose technician or time changed
    conflicts        jsonb NOT NULL DEFAULT '[]', -- visits left out because they moved meanwhile
    basis            bigint NOT NULL DEFAULT 0, -- version of the day that the plan left behind
    created_at       timestamptz NOT NULL,
    published_at     timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, planning_area_id, local_date, version),
    FOREIGN KEY (tenant_id, planning_area_id) REFERENCES planning_areas (tenant_id, id)
);
CREATE UNIQUE INDEX plans_one_published ON plans (tenant_id, planning_area_id, local_date) WHERE state = 'published';
CALL guard_tenant('plans');

CREATE TABLE plan_stops (
    tenant_id      uuid NOT NULL,
    plan_id        uuid NOT NULL,
    shift_id       uuid NOT NULL,
    ordinal        integer NOT NULL,
    visit_id       uuid NOT NULL,
    starts_at      timestamptz NOT NULL,
    ends_at        timestamptz NOT NULL,
    travel_seconds integer NOT NULL,
    PRIMARY KEY (tenant_id, plan_id, shift_id, ordinal),
    UNIQUE (tenant_id, plan_id, visit_id),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES plans (tenant_id, id),
    FOREIGN KEY (tenant_id, shift_id) REFERENCES shifts (tenant_id, id),
    FOREIGN KEY (tenant_id, visit_id) REFERENCES visits (tenant_id, id)
);
CALL guard_tenant('plan_stops');

CREATE TABLE plan_leftovers (
    tenant_id uuid NOT NULL,
    plan_id   uuid NOT NULL,
    visit_id  uuid NOT NULL,
    reason    text NOT NULL,
    PRIMARY KEY (tenant_id, plan_id, visit_id),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES plans (tenant_id, id),
    FOREIGN KEY (tenant_id, visit_id) REFERENCES visits (tenant_id, id)
);
CALL guard_tenant('plan_leftovers');
