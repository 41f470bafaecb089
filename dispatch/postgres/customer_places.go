package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twpayne/go-geom"

	"github.com/firstfix/firstfix/dispatch"
)

const siteColumns = `e.id, e.address, e.postal_code, e.location, e.time_zone, coalesce(e.territory_id, ''), e.access_notes, e.version`

func scanSite(row pgx.CollectableRow) (dispatch.Site, error) {
	var s dispatch.Site
	var at *geom.Point
	err := row.Scan(&s.ID, &s.Address, &s.PostalCode, &at, &s.TimeZone, &s.Territory, &s.AccessNotes, &s.Version)
	s.Location = fromPoint(at)
	return s, err
}

func siteArgs(s dispatch.Site) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": s.ID, "address": s.Address, "postal_code": s.PostalCode,
		"key":      dispatch.AddressKey(s.Address, s.PostalCode, s.Location),
		"location": toPoint(s.Location), "zone": s.TimeZone, "territory": s.Territory,
		"notes": s.AccessNotes, "version": s.Version,
	}
}

const getSiteSQL = `SELECT ` + siteColumns + `
FROM sites e WHERE e.tenant_id = @tenant AND e.id = @id`

// GetSite implements dispatch.CustomerTx.
func (t *tx) GetSite(ctx context.Context, id dispatch.SiteID) (dispatch.Site, error) {
	return one(ctx, t, id.Name(), getSiteSQL, pgx.NamedArgs{"id": id}, scanSite)
}

const createSiteSQL = `
INSERT INTO sites (tenant_id, id, address, postal_code, address_key, location, time_zone, territory_id, access_notes)
VALUES (@tenant, @id, @address, @postal_code, @key, @location, @zone, nullif(@territory::text, ''), @notes)`

// CreateSite implements dispatch.CustomerTx.
func (t *tx) CreateSite(ctx context.Context, s dispatch.Site) error {
	if err := t.create(ctx, s.Name(), createSiteSQL, siteArgs(s)); err != nil {
		return err
	}
	return t.putSearchWords(ctx, "sites", wordsOf{s.ID.UUID, s.SearchWords()})
}

// PutSite implements dispatch.CustomerTx.
func (t *tx) PutSite(ctx context.Context, s dispatch.Site) (dispatch.Site, error) {
	there, _, err := t.PutSites(ctx, []dispatch.Site{s})
	if err != nil {
		return dispatch.Site{}, err
	}
	return there[0], nil
}

// Rows go in by the order of their keys, so that two imports of the same places
// wait for one another instead of locking crosswise.
const putSitesSQL = `
INSERT INTO sites (tenant_id, id, address, postal_code, address_key, location, time_zone, territory_id, access_notes)
SELECT @tenant, n.id, n.address, n.postal_code, n.key, n.location, n.zone, nullif(n.territory, ''), n.notes
FROM unnest(@ids::uuid[], @addresses::text[], @postal_codes::text[], @keys::text[], @locations::geometry[],
	@zones::text[], @territories::text[], @notes::text[]) AS n (id, address, postal_code, key, location, zone, territory, notes)
ORDER BY n.key
ON CONFLICT (tenant_id, address_key) DO NOTHING
RETURNING id`

const sitesByKeySQL = `SELECT e.address_key, ` + siteColumns + `
FROM sites e WHERE e.tenant_id = @tenant AND e.address_key = ANY(@keys)`

// PutSites implements dispatch.CustomerTx.
func (t *tx) PutSites(ctx context.Context, sites []dispatch.Site) ([]dispatch.Site, int, error) {
	var siteIDs []uuid.UUID
	var addresses, codes, keys, zones, territories, notes []string
	var locations []geom.T
	for _, s := range sites {
		siteIDs, addresses, codes = append(siteIDs, s.ID.UUID), append(addresses, s.Address), append(codes, s.PostalCode)
		keys = append(keys, dispatch.AddressKey(s.Address, s.PostalCode, s.Location))
		locations, zones = append(locations, toPoint(s.Location)), append(zones, s.TimeZone)
		territories, notes = append(territories, string(s.Territory)), append(notes, s.AccessNotes)
	}
	made, err := many(ctx, t, putSitesSQL, pgx.NamedArgs{
		"ids": siteIDs, "addresses": addresses, "postal_codes": codes, "keys": keys, "locations": locations,
		"zones": zones, "territories": territories, "notes": notes,
	}, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, 0, err
	}
	byKey, err := t.sitesByKey(ctx, keys)
	if err != nil {
		return nil, 0, err
	}
	return t.namePutSites(ctx, keys, byKey, made)
}

func (t *tx) sitesByKey(ctx context.Context, keys []string) (map[string]dispatch.Site, error) {
	byKey := make(map[string]dispatch.Site, len(keys))
	_, err := many(ctx, t, sitesByKeySQL, pgx.NamedArgs{"keys": keys}, func(row pgx.CollectableRow) (string, error) {
		var key string
		var s dispatch.Site
		var at *geom.Point
		err := row.Scan(&key, &s.ID, &s.Address, &s.PostalCode, &at, &s.TimeZone, &s.Territory, &s.AccessNotes, &s.Version)
		s.Location = fromPoint(at)
		byKey[key] = s
		return key, err
	})
	return byKey, err
}

// namePutSites gives the sites in the order of their keys' list and writes the
// search words of the new ones.
func (t *tx) namePutSites(ctx context.Context, keys []string, byKey map[string]dispatch.Site, made []uuid.UUID) ([]dispatch.Site, int, error) {
	isNew := make(map[uuid.UUID]bool, len(made))
	for _, id := range made {
		isNew[id] = true
	}
	out := make([]dispatch.Site, len(keys))
	var words []wordsOf
	for i, key := range keys {
		out[i] = byKey[key]
		if isNew[out[i].ID.UUID] {
			delete(isNew, out[i].ID.UUID)
			words = append(words, wordsOf{out[i].ID.UUID, out[i].SearchWords()})
		}
	}
	if len(words) == 0 {
		return out, 0, nil
	}
	return out, len(made), t.putSearchWords(ctx, "sites", words...)
}

const listSitesSQL = `SELECT ` + siteColumns + `
FROM sites e
WHERE e.tenant_id = @tenant AND (@territory::text = '' OR e.territory_id = @territory)
	AND (e.address COLLATE "C", e.id) > (@after_name::text, @after_id::uuid)
ORDER BY e.address COLLATE "C", e.id LIMIT @limit`

const searchSitesSQL = `SELECT ` + siteColumns + `
FROM sites e
WHERE e.tenant_id = @tenant AND (@territory::text = '' OR e.territory_id = @territory)
	AND ` + foundByFirst + `
	AND ` + foundByAll + `
	AND (e.address COLLATE "C", e.id) > (@after_name::text, @after_id::uuid)
ORDER BY e.address COLLATE "C", e.id LIMIT @limit`

// SearchSites implements dispatch.CustomerTx.
func (t *tx) SearchSites(ctx context.Context, query string, territory dispatch.TerritoryID, page dispatch.Page) ([]dispatch.Site, string, error) {
	return search(ctx, t, "sites", listSitesSQL, searchSitesSQL, query, page, pgx.NamedArgs{"territory": territory}, scanSite,
		func(s dispatch.Site) (string, uuid.UUID) { return s.Address, s.ID.UUID })
}

const saveSiteSQL = `
UPDATE sites SET address = @address, postal_code = @postal_code, address_key = @key, location = @location,
	time_zone = @zone, territory_id = nullif(@territory::text, ''), access_notes = @notes, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveSite implements dispatch.CustomerTx.
func (t *tx) SaveSite(ctx context.Context, s dispatch.Site) error {
	if err := t.save(ctx, s.Name(), s.Version, saveSiteSQL, siteArgs(s)); err != nil {
		return err
	}
	return t.putSearchWords(ctx, "sites", wordsOf{s.ID.UUID, s.SearchWords()})
}

const (
	moveAssetsSQL = `
UPDATE assets SET site_id = @to, version = version + 1 WHERE tenant_id = @tenant AND site_id = @from`
	moveSiteWorkOrdersSQL = `
UPDATE work_orders SET site_id = @to, version = version + 1 WHERE tenant_id = @tenant AND site_id = @from`
	moveSiteReferralsSQL = `
UPDATE referrals SET site_id = @to, version = version + 1 WHERE tenant_id = @tenant AND site_id = @from`
	deleteSiteSQL = `
DELETE FROM sites WHERE tenant_id = @tenant AND id = @from`
)

// MergeSites implements dispatch.CustomerTx.
func (t *tx) MergeSites(ctx context.Context, from, to dispatch.SiteID) error {
	args := pgx.NamedArgs{"from": from, "to": to}
	for _, sql := range []string{moveAssetsSQL, moveSiteWorkOrdersSQL, moveSiteReferralsSQL, deleteSiteSQL} {
		if _, err := t.exec(ctx, sql, args); err != nil {
			return err
		}
	}
	return t.putSearchWords(ctx, "sites", wordsOf{id: from.UUID})
}
