-- +goose Up
-- After a sale: whether what was sold is installed, used and saves what was
-- promised, and the cases where it does not.

CREATE TABLE follow_up_plans (
    tenant_id            uuid NOT NULL REFERENCES tenants (id),
    id                   text NOT NULL CHECK (id ~ '^[a-z0-9-]{1,63}$'),
    service_id           text, -- the product, NULL for all that have no plan of their own
    installed_after_days integer NOT NULL CHECK (installed_after_days BETWEEN 1 AND 730), -- after the sale
    used_after_days      integer NOT NULL CHECK (used_after_days BETWEEN 0 AND 730), -- after the installation, 0 = not asked
    saving_after_days    integer NOT NULL CHECK (saving_after_days BETWEEN 0 AND 1095), -- after the installation, 0 = not asked
    retired              boolean NOT NULL DEFAULT false,
    version              bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    UNIQUE NULLS NOT DISTINCT (tenant_id, service_id),
    FOREIGN KEY (tenant_id, service_id) REFERENCES services (tenant_id, id)
);
CALL guard_tenant('follow_up_plans');

ALTER TABLE sales
    ADD COLUMN installed_at  timestamptz,
    ADD COLUMN promised      double precision, -- what was promised to be saved
    ADD COLUMN promised_unit text NOT NULL DEFAULT '', -- e.g. '% gas'
    ADD CONSTRAINT sales_promise_whole CHECK ((promised IS NULL) = (promised_unit = ''));

CREATE TABLE service_cases (
    tenant_id   uuid NOT NULL,
    id          uuid NOT NULL,
    referral_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    question    text NOT NULL CHECK (question IN ('installed', 'used', 'saving')),
    owner       text NOT NULL, -- subject
    state       text NOT NULL CHECK (state IN ('open', 'closed')),
    problem     text NOT NULL,
    resolution  text NOT NULL DEFAULT '',
    opened_at   timestamptz NOT NULL,
    closed_at   timestamptz,
    version     bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, referral_id) REFERENCES referrals (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id),
    CHECK ((state = 'closed') = (closed_at IS NOT NULL) AND (state = 'closed') = (resolution <> ''))
);
CREATE INDEX service_cases_customer ON service_cases (tenant_id, customer_id) WHERE state = 'open';
CREATE UNIQUE INDEX service_cases_one_open ON service_cases (tenant_id, referral_id, question) WHERE state = 'open';
CALL guard_tenant('service_cases');

CREATE TABLE follow_ups (
    tenant_id   uuid NOT NULL,
    id          uuid NOT NULL,
    referral_id uuid NOT NULL,
    question    text NOT NULL CHECK (question IN ('installed', 'used', 'saving')),
    side        text NOT NULL CHECK (side IN ('seller', 'customer')), -- who is asked
    state       text NOT NULL CHECK (state IN ('planned', 'asked', 'answered', 'lapsed', 'dropped')),
    due_at      timestamptz NOT NULL,
    asked_at    timestamptz,
    answer      text NOT NULL DEFAULT '' CHECK (answer IN ('', 'yes', 'no')),
    measured    double precision, -- of a saving, in the unit of what was promised
    note        text NOT NULL DEFAULT '',
    answered_at timestamptz,
    answered_by text NOT NULL DEFAULT '',
    case_id     uuid, -- that the answer opened, or that was open already
    version     bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, referral_id, question, side),
    FOREIGN KEY (tenant_id, referral_id) REFERENCES referrals (tenant_id, id),
    FOREIGN KEY (tenant_id, case_id) REFERENCES service_cases (tenant_id, id),
    CHECK ((state = 'answered') = (answer <> '') AND (state = 'answered') = (answered_at IS NOT NULL))
);
CALL guard_tenant('follow_ups');
