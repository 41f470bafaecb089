package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

const assetColumns = `e.id, e.site_id, e.display_name, e.model, e.serial_number, e.installed_on, e.version`

func scanAsset(row pgx.CollectableRow) (dispatch.Asset, error) {
	var a dispatch.Asset
	var installed *time.Time
	err := row.Scan(&a.ID, &a.Site, &a.DisplayName, &a.Model, &a.SerialNumber, &installed, &a.Version)
	a.InstalledOn = fromDate(installed)
	return a, err
}

func assetArgs(a dispatch.Asset) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": a.ID, "site": a.Site, "name": a.DisplayName, "model": a.Model, "serial": a.SerialNumber,
		"installed": dateOrNull(a.InstalledOn), "version": a.Version,
	}
}

const createAssetSQL = `
INSERT INTO assets (tenant_id, id, site_id, display_name, model, serial_number, installed_on)
VALUES (@tenant, @id, @site, @name, @model, @serial, @installed)`

// CreateAsset implements dispatch.CustomerTx.
func (t *tx) CreateAsset(ctx context.Context, a dispatch.Asset) error {
	if err := t.create(ctx, a.Name(), createAssetSQL, assetArgs(a)); err != nil {
		return err
	}
	return t.putSearchWords(ctx, "assets", wordsOf{a.ID.UUID, a.SearchWords()})
}

const getAssetSQL = `SELECT ` + assetColumns + `
FROM assets e WHERE e.tenant_id = @tenant AND e.id = @id`

// GetAsset implements dispatch.CustomerTx.
func (t *tx) GetAsset(ctx context.Context, id dispatch.AssetID) (dispatch.Asset, error) {
	return one(ctx, t, id.Name(), getAssetSQL, pgx.NamedArgs{"id": id}, scanAsset)
}

const listAssetsSQL = `SELECT ` + assetColumns + `
FROM assets e
WHERE e.tenant_id = @tenant AND (@site::uuid IS NULL OR e.site_id = @site)
	AND (e.display_name COLLATE "C", e.id) > (@after_name::text, @after_id::uuid)
ORDER BY e.display_name COLLATE "C", e.id LIMIT @limit`

const searchAssetsSQL = `SELECT ` + assetColumns + `
FROM assets e
WHERE e.tenant_id = @tenant AND (@site::uuid IS NULL OR e.site_id = @site)
	AND ` + foundByFirst + `
	AND ` + foundByAll + `
	AND (e.display_name COLLATE "C", e.id) > (@after_name::text, @after_id::uuid)
ORDER BY e.display_name COLLATE "C", e.id LIMIT @limit`

// SearchAssets implements dispatch.CustomerTx.
func (t *tx) SearchAssets(ctx context.Context, query string, site dispatch.SiteID, page dispatch.Page) ([]dispatch.Asset, string, error) {
	return search(ctx, t, "assets", listAssetsSQL, searchAssetsSQL, query, page, pgx.NamedArgs{"site": orNull(site)}, scanAsset,
		func(a dispatch.Asset) (string, uuid.UUID) { return a.DisplayName, a.ID.UUID })
}

const saveAssetSQL = `
UPDATE assets SET site_id = @site, display_name = @name, model = @model, serial_number = @serial,
	installed_on = @installed, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveAsset implements dispatch.CustomerTx.
func (t *tx) SaveAsset(ctx context.Context, a dispatch.Asset) error {
	if err := t.save(ctx, a.Name(), a.Version, saveAssetSQL, assetArgs(a)); err != nil {
		return err
	}
	return t.putSearchWords(ctx, "assets", wordsOf{a.ID.UUID, a.SearchWords()})
}

const (
	moveAssetWorkOrdersSQL = `
UPDATE work_orders SET asset_id = @to, version = version + 1 WHERE tenant_id = @tenant AND asset_id = @from`
	deleteAssetSQL = `
DELETE FROM assets WHERE tenant_id = @tenant AND id = @from`
)

// MergeAssets implements dispatch.CustomerTx.
func (t *tx) MergeAssets(ctx context.Context, from, to dispatch.AssetID) error {
	args := pgx.NamedArgs{"from": from, "to": to}
	for _, sql := range []string{moveAssetWorkOrdersSQL, deleteAssetSQL} {
		if _, err := t.exec(ctx, sql, args); err != nil {
			return err
		}
	}
	return t.putSearchWords(ctx, "assets", wordsOf{id: from.UUID})
}
