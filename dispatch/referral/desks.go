package referral

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/firstfix/firstfix/dispatch"
)

// CreateDesk makes a sales desk.
func (d *Desk) CreateDesk(ctx context.Context, call dispatch.Call, in dispatch.SalesDesk) (dispatch.SalesDesk, error) {
	in.Version = 1
	return dispatch.Create(ctx, d.store, call, in, checkDesk, dispatch.Tx.CreateSalesDesk)
}

// GetDesk reads a sales desk.
func (d *Desk) GetDesk(ctx context.Context, call dispatch.Call, id dispatch.SalesDeskID) (dispatch.SalesDesk, error) {
	return dispatch.Read(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.SalesDesk, error) {
		return tx.GetSalesDesk(ctx, id)
	})
}

// ListDesks pages the desks by id.
func (d *Desk) ListDesks(ctx context.Context, call dispatch.Call, page dispatch.Page) ([]dispatch.SalesDesk, string, error) {
	return dispatch.ReadPage(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.SalesDesk, string, error) {
		return tx.PageSalesDesks(ctx, page)
	})
}

// UpdateDesk changes a desk. Clocks that run keep their due time; the next one goes
// by what the desk is then.
func (d *Desk) UpdateDesk(ctx context.Context, call dispatch.Call, id dispatch.SalesDeskID, version int64, change dispatch.Change[dispatch.SalesDesk]) (dispatch.SalesDesk, error) {
	return dispatch.Update(ctx, d.store, call, version, change, dispatch.Versioned[dispatch.SalesDesk]{
		Version: func(s *dispatch.SalesDesk) *int64 { return &s.Version },
		Name:    dispatch.SalesDesk.Name,
		Read:    func(ctx context.Context, tx dispatch.Tx) (dispatch.SalesDesk, error) { return tx.GetSalesDesk(ctx, id) },
		Check:   checkDesk,
		Save:    dispatch.Tx.SaveSalesDesk,
	})
}

func checkDesk(ctx context.Context, tx dispatch.Tx, d *dispatch.SalesDesk) error {
	d.DisplayName = strings.TrimSpace(d.DisplayName)
	if d.DisplayName == "" {
		return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "sales_desk.display_name", "it is required")
	}
	if _, err := dispatch.Zone(d.TimeZone); err != nil {
		return dispatch.InvalidField(dispatch.ReasonZoneUnknown, "sales_desk.time_zone",
			"%.40q is not an IANA zone of a region, expected e.g. Europe/Berlin", d.TimeZone)
	}
	for i, h := range d.Hours {
		if h.Start == h.End {
			return dispatch.InvalidField(dispatch.ReasonInvalidRequest, fmt.Sprintf("sales_desk.office_hours[%d].end", i), "it is the start, %s", h.Start)
		}
	}
	d.Closed = dispatch.SortedDates(d.Closed)
	if len(d.Members) == 0 {
		return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "sales_desk.members", "it needs at least one: referrals get an owner at once")
	}
	may, err := dispatch.WhoMaySell(ctx, tx)
	if err != nil {
		return err
	}
	if err := checkSellers("sales_desk.members", d.Members, may); err != nil {
		return err
	}
	if err := checkSellers("sales_desk.ladder", d.Ladder, may); err != nil {
		return err
	}
	return checkClocks(ctx, tx, d.Clocks)
}

// checkSellers refuses subjects who are named twice or may not accept referrals.
func checkSellers(field string, subjects []string, may map[string]bool) error {
	for i, who := range subjects {
		at := fmt.Sprintf("%s[%d]", field, i)
		if slices.Contains(subjects[:i], who) {
			return dispatch.InvalidField(dispatch.ReasonInvalidRequest, at, "%.80q stands there twice", who)
		}
		if err := dispatch.CheckSeller(at, who, may); err != nil {
			return err
		}
	}
	return nil
}

func checkClocks(ctx context.Context, tx dispatch.Tx, clocks []dispatch.ReferralClock) error {
	for i, c := range clocks {
		if c.Tier == "" {
			continue
		}
		known, err := tx.TierKnown(ctx, c.Tier)
		if err != nil {
			return err
		}
		if !known {
			return dispatch.InvalidField(dispatch.ReasonReferenceNotFound, fmt.Sprintf("sales_desk.clocks[%d].tier", i), "no service has a tier %.63q", c.Tier)
		}
	}
	if n := len(clocks); n == 0 || clocks[n-1].Tier != "" || clocks[n-1].Urgency != "" {
		return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "sales_desk.clocks",
			"the last has to be for every tier and urgency, so that no referral is without a clock")
	}
	return nil
}

// checkExists says of which field it is that what it refers to is not there.
func checkExists(field, name string, read func() error) error {
	err := read()
	if dispatch.ReasonOf(err) == dispatch.ReasonResourceNotFound {
		return dispatch.MissingReference(field, name)
	}
	return err
}
