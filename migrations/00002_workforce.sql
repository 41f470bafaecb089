-- +goose Up
-- The company: map, catalogue, technicians and their time; customers and places.

CREATE TABLE planning_areas (
    tenant_id              uuid NOT NULL REFERENCES tenants (id),
    id                     text NOT NULL CHECK (id ~ '^[a-z0-9-]{1,63}$'),
    display_name           text NOT NULL,
    time_zone              text NOT NULL,
    lead_time_seconds      integer NOT NULL CHECK (lead_time_seconds >= 0),
    horizon_days           integer NOT NULL CHECK (horizon_days BETWEEN 1 AND 366),
    change_cutoff_seconds  integer NOT NULL CHECK (change_cutoff_seconds >= 0),
    hold_seconds           integer NOT NULL CHECK (hold_seconds BETWEEN 30 AND 3600),
    plan_at_local          time NOT NULL, -- the evening before, when the day is planned
    version                bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id)
);
CALL guard_tenant('planning_areas');

-- The template of arrival windows: wall-clock rules of an area.
CREATE TABLE window_rules (
    tenant_id        uuid NOT NULL,
    planning_area_id text NOT NULL,
    ordinal          smallint NOT NULL,
    weekdays         smallint[] NOT NULL, -- ISO: 1 = Monday .. 7 = Sunday
    starts_local     time NOT NULL,
    ends_local       time NOT NULL, -- not after starts_local: ends on the next day
    PRIMARY KEY (tenant_id, planning_area_id, ordinal),
    FOREIGN KEY (tenant_id, planning_area_id) REFERENCES planning_areas (tenant_id, id) ON DELETE CASCADE,
    CHECK (weekdays <@ ARRAY[1,2,3,4,5,6,7]::smallint[] AND cardinality(weekdays) > 0)
);
CALL guard_tenant('window_rules');

CREATE TABLE territories (
    tenant_id        uuid NOT NULL,
    id               text NOT NULL CHECK (id ~ '^[a-z0-9-]{1,63}$'),
    planning_area_id text NOT NULL,
    display_name     text NOT NULL,
    time_zone        text NOT NULL,
    boundary         geometry(MultiPolygon, 4326) NOT NULL,
    -- The bounding box as plain numbers: geometry operators are not leakproof
    -- and fall out of index conditions under row-level security.
    west             double precision NOT NULL,
    south            double precision NOT NULL,
    east             double precision NOT NULL,
    north            double precision NOT NULL,
    version          bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, planning_area_id) REFERENCES planning_areas (tenant_id, id)
);
CREATE INDEX territories_box ON territories (tenant_id, west, south);
CALL guard_tenant('territories');

CREATE TABLE skills (
    tenant_id    uuid NOT NULL REFERENCES tenants (id),
    id           text NOT NULL CHECK (id ~ '^[a-z0-9-]{1,63}$'),
    display_name text NOT NULL,
    version      bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id)
);
CALL guard_tenant('skills');

CREATE TABLE parts (
    tenant_id    uuid NOT NULL REFERENCES tenants (id),
    id           text NOT NULL CHECK (id ~ '^[a-z0-9-]{1,63}$'),
    display_name text NOT NULL,
    version      bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id)
);
CALL guard_tenant('parts');

CREATE TABLE services (
    tenant_id        uuid NOT NULL REFERENCES tenants (id),
    id               text NOT NULL CHECK (id ~ '^[a-z0-9-]{1,63}$'),
    display_name     text NOT NULL,
    description      text NOT NULL DEFAULT '',
    duration_seconds integer NOT NULL CHECK (duration_seconds BETWEEN 60 AND 86400),
    spread_seconds   integer NOT NULL CHECK (spread_seconds >= 0),
    fix_window_days  integer NOT NULL DEFAULT 30 CHECK (fix_window_days BETWEEN 1 AND 730),
    corrective       boolean NOT NULL DEFAULT true, -- judged for first-time fix
    retired          boolean NOT NULL DEFAULT false,
    version          bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id)
);
CALL guard_tenant('services');

CREATE TABLE service_skills (
    tenant_id  uuid NOT NULL,
    service_id text NOT NULL,
    skill_id   text NOT NULL,
    min_level  smallint NOT NULL CHECK (min_level BETWEEN 1 AND 5),
    PRIMARY KEY (tenant_id, service_id, skill_id),
    FOREIGN KEY (tenant_id, service_id) REFERENCES services (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, skill_id) REFERENCES skills (tenant_id, id)
);
CALL guard_tenant('service_skills');

CREATE TABLE service_parts (
    tenant_id  uuid NOT NULL,
    service_id text NOT NULL,
    part_id    text NOT NULL,
    quantity   integer NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (tenant_id, service_id, part_id),
    FOREIGN KEY (tenant_id, service_id) REFERENCES services (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, part_id) REFERENCES parts (tenant_id, id)
);
CALL guard_tenant('service_parts');

CREATE TABLE service_tiers (
    tenant_id      uuid NOT NULL,
    service_id     text NOT NULL,
    id             text NOT NULL CHECK (id ~ '^[a-z0-9-]{1,63}$'),
    display_name   text NOT NULL,
    price_minor    bigint NOT NULL CHECK (price_minor >= 0),
    currency       text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    -- Offers less sure than this are not made.
    on_time_floor  double precision NOT NULL DEFAULT 0 CHECK (on_time_floor BETWEEN 0 AND 1),
    version        bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, service_id, id),
    FOREIGN KEY (tenant_id, service_id) REFERENCES services (tenant_id, id)
);
CALL guard_tenant('service_tiers');

CREATE TABLE technicians (
    tenant_id        uuid NOT NULL REFERENCES tenants (id),
    id               uuid NOT NULL,
    display_name     text NOT NULL,
    email            text NOT NULL DEFAULT '',
    phone            text NOT NULL DEFAULT '',
    home             geometry(Point, 4326) NOT NULL,
    planning_area_id text NOT NULL,
    active           boolean NOT NULL DEFAULT true,
    version          bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, planning_area_id) REFERENCES planning_areas (tenant_id, id)
);
CREATE INDEX technicians_area ON technicians (tenant_id, planning_area_id, id);
CALL guard_tenant('technicians');

CREATE TABLE technician_skills (
    tenant_id     uuid NOT NULL,
    technician_id uuid NOT NULL,
    skill_id      text NOT NULL,
    level         smallint NOT NULL CHECK (level BETWEEN 1 AND 5),
    valid_until   date, -- of the certificate, null where the skill needs none
    PRIMARY KEY (tenant_id, technician_id, skill_id),
    FOREIGN KEY (tenant_id, technician_id) REFERENCES technicians (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, skill_id) REFERENCES skills (tenant_id, id)
);
CALL guard_tenant('technician_skills');

ALTER TABLE members
    ADD FOREIGN KEY (tenant_id, technician_id) REFERENCES technicians (tenant_id, id);

-- A shift is the unit of locking: whole nights, and one technician in one area.
CREATE TABLE shifts (
    tenant_id        uuid NOT NULL,
    id               uuid NOT NULL,
    technician_id    uuid NOT NULL,
    planning_area_id text NOT NULL,
    local_date       date NOT NULL, -- of its start, in the area's zone
    starts_at        timestamptz NOT NULL,
    ends_at          timestamptz NOT NULL,
    version          bigint NOT NULL DEFAULT 1, -- grows with every change of its commitments
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, technician_id) REFERENCES technicians (tenant_id, id),
    FOREIGN KEY (tenant_id, planning_area_id) REFERENCES planning_areas (tenant_id, id),
    CHECK (starts_at < ends_at AND ends_at <= starts_at + interval '24 hours'),
    CONSTRAINT shifts_do_not_overlap EXCLUDE USING gist
        (tenant_id WITH =, technician_id WITH =, tstzrange(starts_at, ends_at, '[)') WITH &&)
);
CREATE INDEX shifts_area_day ON shifts (tenant_id, planning_area_id, local_date, starts_at);
CREATE INDEX shifts_technician ON shifts (tenant_id, technician_id, starts_at);
CALL guard_tenant('shifts');

CREATE TABLE absences (
    tenant_id     uuid NOT NULL,
    id            uuid NOT NULL,
    technician_id uuid NOT NULL,
    starts_at     timestamptz NOT NULL,
    ends_at       timestamptz NOT NULL,
    reason        text NOT NULL,
    cancelled     boolean NOT NULL DEFAULT false,
    version       bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, technician_id) REFERENCES technicians (tenant_id, id),
    CHECK (starts_at < ends_at)
);
CREATE INDEX absences_technician ON absences (tenant_id, technician_id, starts_at);
CALL guard_tenant('absences');

CREATE TABLE customers (
    tenant_id          uuid NOT NULL REFERENCES tenants (id),
    id                 uuid NOT NULL,
    display_name       text NOT NULL,
    email              text NOT NULL DEFAULT '',
    phone              text NOT NULL DEFAULT '', -- E.164
    language           text NOT NULL DEFAULT '',
    mail_allowed       boolean NOT NULL DEFAULT true,
    text_allowed       boolean NOT NULL DEFAULT false,
    external_reference text NOT NULL DEFAULT '',
    merged_into        uuid,
    created_at         timestamptz NOT NULL DEFAULT domain_now(),
    version            bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, merged_into) REFERENCES customers (tenant_id, id)
);
CREATE UNIQUE INDEX customers_external ON customers (tenant_id, external_reference) WHERE external_reference <> '';
CREATE INDEX customers_email ON customers (tenant_id, lower(email)) WHERE email <> '';
CREATE INDEX customers_phone ON customers (tenant_id, phone) WHERE phone <> '';
CALL guard_tenant('customers');

ALTER TABLE members
    ADD FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id);

CREATE TABLE contacts (
    tenant_id    uuid NOT NULL,
    id           uuid NOT NULL,
    customer_id  uuid NOT NULL,
    display_name text NOT NULL,
    email        text NOT NULL DEFAULT '',
    phone        text NOT NULL DEFAULT '',
    version      bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id)
);
CREATE INDEX contacts_customer ON contacts (tenant_id, customer_id, id);
CALL guard_tenant('contacts');

-- A site is a place, whoever the customer is: repeat visits are found by it.
CREATE TABLE sites (
    tenant_id    uuid NOT NULL REFERENCES tenants (id),
    id           uuid NOT NULL,
    address      text NOT NULL,
    postal_code  text NOT NULL DEFAULT '',
    address_key  text NOT NULL, -- normalised address, see dispatch.AddressKey
    location     geometry(Point, 4326) NOT NULL,
    time_zone    text NOT NULL,
    territory_id text,
    access_notes text NOT NULL DEFAULT '',
    version      bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, address_key),
    FOREIGN KEY (tenant_id, territory_id) REFERENCES territories (tenant_id, id)
);
CALL guard_tenant('sites');

CREATE TABLE assets (
    tenant_id     uuid NOT NULL,
    id            uuid NOT NULL,
    site_id       uuid NOT NULL,
    display_name  text NOT NULL,
    model         text NOT NULL DEFAULT '',
    serial_number text NOT NULL DEFAULT '',
    installed_on  date,
    version       bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, id)
);
CREATE INDEX assets_site ON assets (tenant_id, site_id, id);
CALL guard_tenant('assets');
