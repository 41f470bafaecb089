-- +goose Up
-- Which transaction last changed a row. Whoever watches keeps the snapshot of what
-- he has read and asks for the rows that were changed by a transaction which that
-- snapshot did not show: no change is missed, however long its transaction took to
-- commit, and writers wait for nobody, as they would for a common counter.
--
-- +goose StatementBegin
CREATE FUNCTION note_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.changed_xid := pg_current_xact_id();
    RETURN NEW;
END
$$;
-- +goose StatementEnd

ALTER TABLE referrals ADD COLUMN changed_xid xid8 NOT NULL DEFAULT pg_current_xact_id();
ALTER TABLE shifts ADD COLUMN changed_xid xid8 NOT NULL DEFAULT pg_current_xact_id();
ALTER TABLE visits ADD COLUMN changed_xid xid8 NOT NULL DEFAULT pg_current_xact_id();

CREATE TRIGGER note_change BEFORE UPDATE ON referrals FOR EACH ROW EXECUTE FUNCTION note_change();
CREATE TRIGGER note_change BEFORE UPDATE ON shifts FOR EACH ROW EXECUTE FUNCTION note_change();
CREATE TRIGGER note_change BEFORE UPDATE ON visits FOR EACH ROW EXECUTE FUNCTION note_change();

CREATE INDEX referrals_changed ON referrals (tenant_id, changed_xid);
CREATE INDEX visits_changed ON visits (tenant_id, planning_area_id, changed_xid);
