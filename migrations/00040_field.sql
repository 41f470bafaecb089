-- +goose Up
-- Installations of the technicians' app, so that a device can be told how far
-- its events have come without counting them all again.

CREATE TABLE device_epochs (
    tenant_id     uuid NOT NULL,
    device_id     uuid NOT NULL,
    epoch         bigint NOT NULL CHECK (epoch >= 1), -- installation of the app
    technician_id uuid NOT NULL, -- whose it is, from its first event on
    high_water    bigint NOT NULL DEFAULT 0, -- every event up to this number is stored
    first_seen_at timestamptz NOT NULL DEFAULT domain_now(),
    PRIMARY KEY (tenant_id, device_id, epoch),
    FOREIGN KEY (tenant_id, technician_id) REFERENCES technicians (tenant_id, id)
);
CALL guard_tenant('device_epochs');

-- A fix window is found again from the other work order for the same thing.
CREATE INDEX work_orders_asset ON work_orders (tenant_id, asset_id, opened_at) WHERE asset_id IS NOT NULL;
CREATE INDEX work_orders_corrects ON work_orders (tenant_id, corrects_id) WHERE corrects_id IS NOT NULL;

-- Whose a visit ever was, also after it was moved.
CREATE INDEX commitments_visit ON commitments (tenant_id, visit_id, technician_id) WHERE visit_id IS NOT NULL;

-- The measures read ranges of time.
CREATE INDEX work_orders_opened ON work_orders (tenant_id, opened_at);
CREATE INDEX appointments_booked ON appointments (tenant_id, booked_at);
CREATE INDEX promises_window ON promises (tenant_id, window_start);
CREATE INDEX commitments_time ON commitments (tenant_id, starts_at) WHERE state <> 'released';
CREATE INDEX shifts_start ON shifts (tenant_id, starts_at);
CREATE INDEX referrals_logged ON referrals (tenant_id, logged_at);
CREATE INDEX deliveries_created ON deliveries (tenant_id, created_at);
