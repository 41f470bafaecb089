-- +goose Up
-- What booking looks up. Mail addresses are kept in lower case: an index on the
-- plain column also serves under row-level security, where lower() does not.
DROP INDEX customers_email;
CREATE INDEX customers_email ON customers (tenant_id, email) WHERE email <> '';
CREATE INDEX holds_appointment ON holds (tenant_id, appointment_id) WHERE appointment_id IS NOT NULL;
CREATE INDEX work_orders_customer ON work_orders (tenant_id, customer_id, site_id) WHERE customer_id IS NOT NULL;
