-- +goose Up
-- Which visits an absence took from its technician, so that whoever entered it
-- sees whose promises have to be kept by somebody else.
CREATE TABLE absence_visits (
    tenant_id  uuid NOT NULL,
    absence_id uuid NOT NULL,
    visit_id   uuid NOT NULL,
    PRIMARY KEY (tenant_id, absence_id, visit_id),
    FOREIGN KEY (tenant_id, absence_id) REFERENCES absences (tenant_id, id),
    FOREIGN KEY (tenant_id, visit_id) REFERENCES visits (tenant_id, id)
);
CALL guard_tenant('absence_visits');
