-- +goose Up
-- Parts: where they are, and each of their moves.
CREATE TABLE warehouses (
    tenant_id    uuid NOT NULL REFERENCES tenants (id),
    id           text NOT NULL CHECK (id ~ '^[a-z0-9-]{1,63}$'),
    display_name text NOT NULL,
    version      bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id)
);
CALL guard_tenant('warehouses');

-- How many are at a place: the sum of the moves. On a van it may be below zero, since
-- what was built in was there.
CREATE TABLE stock (
    tenant_id     uuid NOT NULL,
    technician_id uuid,
    warehouse_id  text,
    part_id       text NOT NULL,
    quantity      integer NOT NULL,
    FOREIGN KEY (tenant_id, technician_id) REFERENCES technicians (tenant_id, id),
    FOREIGN KEY (tenant_id, warehouse_id) REFERENCES warehouses (tenant_id, id),
    FOREIGN KEY (tenant_id, part_id) REFERENCES parts (tenant_id, id),
    CHECK (num_nonnulls(technician_id, warehouse_id) = 1),
    CONSTRAINT stock_of_warehouse CHECK (warehouse_id IS NULL OR quantity >= 0)
);
CREATE UNIQUE INDEX stock_van ON stock (tenant_id, technician_id, part_id) WHERE technician_id IS NOT NULL;
CREATE UNIQUE INDEX stock_warehouse ON stock (tenant_id, warehouse_id, part_id) WHERE warehouse_id IS NOT NULL;
CREATE INDEX stock_part ON stock (tenant_id, part_id) WHERE quantity > 0;
CALL guard_tenant('stock');

CREATE TABLE stock_moves (
    tenant_id          uuid NOT NULL,
    id                 uuid NOT NULL,
    part_id            text NOT NULL,
    quantity           integer NOT NULL CHECK (quantity > 0),
    from_technician_id uuid,
    from_warehouse_id  text,
    to_technician_id   uuid,
    to_warehouse_id    text,
    reason             text NOT NULL CHECK (reason IN ('used', 'returned', 'moved', 'received', 'scrapped', 'counted')),
    note               text NOT NULL DEFAULT '',
    visit_id           uuid,
    device_id          uuid,
    event_id           uuid,
    at                 timestamptz NOT NULL,
    by_subject         text NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, part_id) REFERENCES parts (tenant_id, id),
    FOREIGN KEY (tenant_id, from_technician_id) REFERENCES technicians (tenant_id, id),
    FOREIGN KEY (tenant_id, from_warehouse_id) REFERENCES warehouses (tenant_id, id),
    FOREIGN KEY (tenant_id, to_technician_id) REFERENCES technicians (tenant_id, id),
    FOREIGN KEY (tenant_id, to_warehouse_id) REFERENCES warehouses (tenant_id, id),
    FOREIGN KEY (tenant_id, visit_id) REFERENCES visits (tenant_id, id),
    CHECK (num_nonnulls(from_technician_id, from_warehouse_id) <= 1 AND num_nonnulls(to_technician_id, to_warehouse_id) <= 1),
    CHECK (num_nonnulls(from_technician_id, from_warehouse_id, to_technician_id, to_warehouse_id) > 0),
    CHECK ((device_id IS NULL) = (event_id IS NULL))
);
-- A part is used once, however often the event is sent.
CREATE UNIQUE INDEX stock_moves_event ON stock_moves (tenant_id, device_id, event_id) WHERE event_id IS NOT NULL;
CREATE INDEX stock_moves_visit ON stock_moves (tenant_id, visit_id) WHERE visit_id IS NOT NULL;
CREATE INDEX stock_moves_part ON stock_moves (tenant_id, part_id, id);
CALL guard_tenant('stock_moves');
REVOKE UPDATE, DELETE ON stock_moves FROM firstfix_app;
