-- +goose Up
-- Which days can be booked, until when, and what a window costs.
ALTER TABLE planning_areas
    ADD COLUMN closed               date[] NOT NULL DEFAULT '{}', -- local days on which no window begins
    ADD COLUMN booking_cutoff_local time; -- on the day before; NULL: up to the lead time

ALTER TABLE service_tiers
    ADD COLUMN short_notice    boolean NOT NULL DEFAULT false, -- sold after the booking cut-off
    ADD COLUMN price_rules     jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(price_rules) = 'array'),
    ADD COLUMN price_cap_minor bigint, -- in the tier's currency, NULL for no bound
    ADD CONSTRAINT service_tiers_cap CHECK (price_cap_minor >= price_minor);

-- What a price is made of, as it was offered; '[]' where it was offered before there
-- were lines.
ALTER TABLE holds ADD COLUMN price_lines jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(price_lines) = 'array');
ALTER TABLE appointments ADD COLUMN price_lines jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(price_lines) = 'array');
