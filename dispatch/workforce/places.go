package workforce

import (
	"context"

	"github.com/firstfix/firstfix/dispatch"
)

// CreateSite makes a site. Its zone and territory follow from its point; outside
// every territory it has the company's zone.
func (w *Workforce) CreateSite(ctx context.Context, call dispatch.Call, s dispatch.Site) (dispatch.Site, error) {
	s.ID, s.Version = dispatch.SiteID{}.New(), 1
	return dispatch.Create(ctx, w.store, call, s, checkSite, dispatch.Tx.CreateSite)
}

// GetSite reads a site.
func (w *Workforce) GetSite(ctx context.Context, call dispatch.Call, id dispatch.SiteID) (dispatch.Site, error) {
	return dispatch.Read(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Site, error) { return tx.GetSite(ctx, id) })
}

// SearchSites pages through the sites found by the words of a query, by address
// and id.
func (w *Workforce) SearchSites(ctx context.Context, call dispatch.Call, query string, territory dispatch.TerritoryID, page dispatch.Page) ([]dispatch.Site, string, error) {
	return dispatch.ReadPage(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.Site, string, error) {
		return tx.SearchSites(ctx, query, territory, page)
	})
}

// UpdateSite changes a site. Where it moves to, its zone and territory are those
// of the new point.
func (w *Workforce) UpdateSite(ctx context.Context, call dispatch.Call, id dispatch.SiteID, version int64, change dispatch.Change[dispatch.Site]) (dispatch.Site, error) {
	return dispatch.Update(ctx, w.store, call, version, change, dispatch.Versioned[dispatch.Site]{
		Version: func(s *dispatch.Site) *int64 { return &s.Version },
		Name:    dispatch.Site.Name,
		Read:    func(ctx context.Context, tx dispatch.Tx) (dispatch.Site, error) { return tx.GetSite(ctx, id) },
		Check:   checkSite,
		Save:    dispatch.Tx.SaveSite,
	})
}

// MergeSites gives assets and work orders of a duplicate to the site that stays,
// and removes the duplicate.
func (w *Workforce) MergeSites(ctx context.Context, call dispatch.Call, id, duplicate dispatch.SiteID) (dispatch.Site, error) {
	if id == duplicate {
		return dispatch.Site{}, itself(id.Name())
	}
	return dispatch.Once(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Site, error) {
		site, err := tx.GetSite(ctx, id)
		if err != nil {
			return site, err
		}
		if _, err := tx.GetSite(ctx, duplicate); err != nil {
			return site, err
		}
		return site, tx.MergeSites(ctx, duplicate, id)
	})
}

func checkSite(ctx context.Context, tx dispatch.Tx, s *dispatch.Site) error {
	var f faults
	f.line("site.address", &s.Address)
	f.line("site.postal_code", &s.PostalCode)
	f.prose("site.access_notes", &s.AccessNotes)
	f.point("site.location", s.Location)
	if err := f.err(); err != nil {
		return err
	}
	return locate(ctx, tx, s)
}

// locate gives a site the territory and the zone of its point.
func locate(ctx context.Context, tx dispatch.Tx, s *dispatch.Site) error {
	territory, found, err := tx.TerritoryAt(ctx, s.Location)
	if err != nil {
		return err
	}
	if found {
		s.Territory, s.TimeZone = territory.ID, territory.TimeZone
		return nil
	}
	tenant, err := tx.GetTenant(ctx)
	s.Territory, s.TimeZone = "", tenant.TimeZone
	return err
}

// CreateAsset makes an asset at a site.
func (w *Workforce) CreateAsset(ctx context.Context, call dispatch.Call, a dispatch.Asset) (dispatch.Asset, error) {
	a.ID, a.Version = dispatch.AssetID{}.New(), 1
	return dispatch.Create(ctx, w.store, call, a, checkAsset, dispatch.Tx.CreateAsset)
}

// GetAsset reads an asset.
func (w *Workforce) GetAsset(ctx context.Context, call dispatch.Call, id dispatch.AssetID) (dispatch.Asset, error) {
	return dispatch.Read(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Asset, error) { return tx.GetAsset(ctx, id) })
}

// SearchAssets pages through the assets found by the words of a query, by name
// and id.
func (w *Workforce) SearchAssets(ctx context.Context, call dispatch.Call, query string, site dispatch.SiteID, page dispatch.Page) ([]dispatch.Asset, string, error) {
	return dispatch.ReadPage(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.Asset, string, error) {
		return tx.SearchAssets(ctx, query, site, page)
	})
}

// UpdateAsset changes an asset.
func (w *Workforce) UpdateAsset(ctx context.Context, call dispatch.Call, id dispatch.AssetID, version int64, change dispatch.Change[dispatch.Asset]) (dispatch.Asset, error) {
	return dispatch.Update(ctx, w.store, call, version, change, dispatch.Versioned[dispatch.Asset]{
		Version: func(a *dispatch.Asset) *int64 { return &a.Version },
		Name:    dispatch.Asset.Name,
		Read:    func(ctx context.Context, tx dispatch.Tx) (dispatch.Asset, error) { return tx.GetAsset(ctx, id) },
		Check:   checkAsset,
		Save:    dispatch.Tx.SaveAsset,
	})
}

// MergeAssets gives the work orders of a duplicate at the same site to the asset
// that stays, and removes the duplicate.
func (w *Workforce) MergeAssets(ctx context.Context, call dispatch.Call, id, duplicate dispatch.AssetID) (dispatch.Asset, error) {
	if id == duplicate {
		return dispatch.Asset{}, itself(id.Name())
	}
	return dispatch.Once(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Asset, error) {
		asset, err := tx.GetAsset(ctx, id)
		if err != nil {
			return asset, err
		}
		gone, err := tx.GetAsset(ctx, duplicate)
		if err != nil {
			return asset, err
		}
		if asset.Site != gone.Site {
			return asset, dispatch.Refuse(dispatch.ReasonMoveNotAllowed, gone.Name(), "is at another site than %s", asset.Name())
		}
		return asset, tx.MergeAssets(ctx, duplicate, id)
	})
}

func checkAsset(ctx context.Context, tx dispatch.Tx, a *dispatch.Asset) error {
	var f faults
	f.label("asset.display_name", &a.DisplayName)
	f.line("asset.model", &a.Model)
	f.line("asset.serial_number", &a.SerialNumber)
	_, err := tx.GetSite(ctx, a.Site)
	if err := f.reference("asset.site", a.Site.Name(), err); err != nil {
		return err
	}
	return f.err()
}
