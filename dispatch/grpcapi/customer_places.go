package grpcapi

import (
	"context"

	"github.com/firstfix/firstfix/dispatch"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

func siteFields(in *pb.Site) []field[dispatch.Site] {
	type e = dispatch.Site
	return []field[e]{
		plain("address", in.GetAddress(), func(s *e) *string { return &s.Address }),
		plain("postal_code", in.GetPostalCode(), func(s *e) *string { return &s.PostalCode }),
		read("location", func() (dispatch.Point, error) { return parsePoint("site.location", in.GetLocation()) },
			func(s *e) *dispatch.Point { return &s.Location }).needs(in.GetLocation() != nil),
		plain("access_notes", in.GetAccessNotes(), func(s *e) *string { return &s.AccessNotes }),
	}
}

// siteFor shows a site to a caller: how to get in is not the sales team's
// business.
func siteFor(caller dispatch.Principal) func(dispatch.Site) *pb.Site {
	return func(s dispatch.Site) *pb.Site {
		if caller.Role == sales {
			s.AccessNotes = ""
		}
		return siteOf(s)
	}
}

// CreateSite implements CustomerService.
func (s customerServer) CreateSite(ctx context.Context, req *pb.CreateSiteRequest) (*pb.Site, error) {
	site, err := whole(siteFields(req.GetSite()))
	if err != nil {
		return nil, err
	}
	return answer(siteOf)(s.workforce.CreateSite(ctx, callOf(ctx), site))
}

// GetSite implements CustomerService.
func (s customerServer) GetSite(ctx context.Context, req *pb.GetSiteRequest) (*pb.Site, error) {
	var id dispatch.SiteID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	call := callOf(ctx)
	return answer(siteFor(call.Principal))(s.workforce.GetSite(ctx, call, id))
}

// SearchSites implements CustomerService.
func (s customerServer) SearchSites(ctx context.Context, req *pb.SearchSitesRequest) (*pb.SearchSitesResponse, error) {
	territory, err := parseSlug[dispatch.TerritoryID]("territory", "territories", req.GetTerritory())
	if err != nil {
		return nil, err
	}
	call := callOf(ctx)
	sites, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.Site, string, error) {
		return s.workforce.SearchSites(ctx, call, req.GetQuery(), territory, page)
	}, siteFor(call.Principal))
	return &pb.SearchSitesResponse{Sites: sites, NextPageToken: next}, err
}

// UpdateSite implements CustomerService.
func (s customerServer) UpdateSite(ctx context.Context, req *pb.UpdateSiteRequest) (*pb.Site, error) {
	in := req.GetSite()
	var id dispatch.SiteID
	if err := parseName("site.name", in.GetName(), &id); err != nil {
		return nil, err
	}
	change, err := masked("site", req.GetUpdateMask(), siteFields(in))
	if err != nil {
		return nil, err
	}
	version, err := parseEtag(in.GetEtag())
	if err != nil {
		return nil, err
	}
	return answer(siteOf)(s.workforce.UpdateSite(ctx, callOf(ctx), id, version, change))
}

// MergeSites implements CustomerService.
func (s customerServer) MergeSites(ctx context.Context, req *pb.MergeSitesRequest) (*pb.Site, error) {
	var stays, duplicate dispatch.SiteID
	if err := parseMerge(req, &stays, &duplicate); err != nil {
		return nil, err
	}
	return answer(siteOf)(s.workforce.MergeSites(ctx, callOf(ctx), stays, duplicate))
}

func assetFields(in *pb.Asset) []field[dispatch.Asset] {
	type e = dispatch.Asset
	return []field[e]{
		{path: "site", set: func(a *e) error { return parseName("asset.site", in.GetSite(), &a.Site) }},
		plain("display_name", in.GetDisplayName(), func(a *e) *string { return &a.DisplayName }),
		plain("model", in.GetModel(), func(a *e) *string { return &a.Model }),
		plain("serial_number", in.GetSerialNumber(), func(a *e) *string { return &a.SerialNumber }),
		read("install_date", func() (dispatch.Date, error) { return parseDate("asset.install_date", in.GetInstallDate()) },
			func(a *e) *dispatch.Date { return &a.InstalledOn }),
	}
}

func assetOf(a dispatch.Asset) *pb.Asset {
	return &pb.Asset{
		Name: a.Name(), Site: a.Site.Name(), DisplayName: a.DisplayName, Model: a.Model, SerialNumber: a.SerialNumber,
		InstallDate: dateOf(a.InstalledOn), Etag: etagOf(a.Version),
	}
}

// CreateAsset implements CustomerService.
func (s customerServer) CreateAsset(ctx context.Context, req *pb.CreateAssetRequest) (*pb.Asset, error) {
	asset, err := whole(assetFields(req.GetAsset()))
	if err != nil {
		return nil, err
	}
	return answer(assetOf)(s.workforce.CreateAsset(ctx, callOf(ctx), asset))
}

// GetAsset implements CustomerService.
func (s customerServer) GetAsset(ctx context.Context, req *pb.GetAssetRequest) (*pb.Asset, error) {
	var id dispatch.AssetID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	return answer(assetOf)(s.workforce.GetAsset(ctx, callOf(ctx), id))
}

// SearchAssets implements CustomerService.
func (s customerServer) SearchAssets(ctx context.Context, req *pb.SearchAssetsRequest) (*pb.SearchAssetsResponse, error) {
	var at dispatch.SiteID
	if err := parseOptionalName("site", req.GetSite(), &at); err != nil {
		return nil, err
	}
	assets, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.Asset, string, error) {
		return s.workforce.SearchAssets(ctx, callOf(ctx), req.GetQuery(), at, page)
	}, assetOf)
	return &pb.SearchAssetsResponse{Assets: assets, NextPageToken: next}, err
}

// UpdateAsset implements CustomerService.
func (s customerServer) UpdateAsset(ctx context.Context, req *pb.UpdateAssetRequest) (*pb.Asset, error) {
	in := req.GetAsset()
	var id dispatch.AssetID
	if err := parseName("asset.name", in.GetName(), &id); err != nil {
		return nil, err
	}
	change, err := masked("asset", req.GetUpdateMask(), assetFields(in))
	if err != nil {
		return nil, err
	}
	version, err := parseEtag(in.GetEtag())
	if err != nil {
		return nil, err
	}
	return answer(assetOf)(s.workforce.UpdateAsset(ctx, callOf(ctx), id, version, change))
}

// MergeAssets implements CustomerService.
func (s customerServer) MergeAssets(ctx context.Context, req *pb.MergeAssetsRequest) (*pb.Asset, error) {
	var stays, duplicate dispatch.AssetID
	if err := parseMerge(req, &stays, &duplicate); err != nil {
		return nil, err
	}
	return answer(assetOf)(s.workforce.MergeAssets(ctx, callOf(ctx), stays, duplicate))
}
