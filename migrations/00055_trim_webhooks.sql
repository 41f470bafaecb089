-- +goose Up
-- What was handed over, or was given up, is forgotten after a while: dead deliveries
-- hold personal data.
CREATE INDEX webhook_deliveries_finished ON webhook_deliveries (finished_at) WHERE finished_at IS NOT NULL;
GRANT SELECT (finished_at), DELETE ON webhook_deliveries TO firstfix_relay;
