package booking

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// SearchCommand asks for offers. One of Place, Site, WorkOrder and Appointment
// says where; Service is read for a place or a site only.
type SearchCommand struct {
	Place       *Place
	Site        dispatch.SiteID
	WorkOrder   dispatch.WorkOrderID
	Appointment dispatch.AppointmentID
	Service     dispatch.ServiceID
	Tier        TierRef // zero: every level of the service
	From, Until dispatch.Date
}

// TierRef names a tier as requests do, with the service that it belongs to.
type TierRef struct {
	Service dispatch.ServiceID
	Tier    dispatch.TierID
}

// Offer is an arrival window that can be kept, with its price.
type Offer struct {
	Window     dispatch.Window
	Service    dispatch.ServiceID
	Tier       dispatch.TierID
	Price      dispatch.Money
	PriceLines []dispatch.PriceLine // they add up to Price
	Reasons    []string             // sentences for the customer
	OnTime     float64              // probability of arriving within the window
	ComputedAt time.Time
	ExpiresAt  time.Time
	Quality    dispatch.EstimateQuality
	Token      string
}

// Offers is the answer to a search.
type Offers struct {
	Offers []Offer // by start of the window, then price
	// NoOffer says why there is nothing, or not more; the weightiest first.
	NoOffer    []dispatch.NoOfferReason
	HorizonEnd time.Time // nothing can be booked from here on yet; zero out of area
	// Alternatives are what could be had instead where there are no offers, the
	// soonest first.
	Alternatives []Offer
}

// SearchSlotOffers gives the arrival windows that can be kept. It reserves
// nothing; each search leaves a record, so that what was refused can be counted.
func (b *Booking) SearchSlotOffers(ctx context.Context, call dispatch.Call, in SearchCommand) (Offers, error) {
	if err := in.check(); err != nil {
		return Offers{}, err
	}
	var out Offers
	var record dispatch.SlotSearch
	err := b.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		w, err := wantedBy(ctx, tx, call.Principal, in)
		if err != nil {
			return err
		}
		record = dispatch.SlotSearch{At: now, PlanningArea: w.area.ID, Service: w.service.ID}
		if w.area.ID == "" {
			out = Offers{NoOffer: []dispatch.NoOfferReason{dispatch.NoOfferOutOfArea}}
			return nil
		}
		if out, err = b.offers(ctx, tx, w, in.From, in.Until, now); err != nil || len(out.Offers) > 0 {
			return err
		}
		out.Alternatives, err = b.alternatives(ctx, tx, w, in, now)
		return err
	})
	if err != nil {
		return Offers{}, err
	}
	record.Offered = len(out.Offers)
	if record.Offered == 0 && len(out.NoOffer) > 0 {
		record.NoOffer = out.NoOffer[0]
	}
	err = b.store.InTx(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		return tx.AddSlotSearch(ctx, record)
	})
	return out, err
}

func (in SearchCommand) check() error {
	if !in.From.Before(in.Until) {
		return dispatch.InvalidField(dispatch.ReasonRangeInverted, "end_date", "%s is not after start_date %s", in.Until, in.From)
	}
	if in.From.AddDays(maxSearchDays).Before(in.Until) {
		days := strconv.Itoa(maxSearchDays)
		return dispatch.InvalidField(dispatch.ReasonRangeTooLong, "end_date", "the range is longer than %s days", days).With("maxDays", days)
	}
	return nil
}

// wanted is what offers are made for.
type wanted struct {
	tenant      dispatch.TenantID
	place       Place
	area        dispatch.PlanningArea // zero outside every territory
	zoneName    string
	zone        *time.Location
	service     dispatch.Service
	tiers       []dispatch.Tier
	priority    int
	workOrder   dispatch.WorkOrderID
	appointment dispatch.AppointmentID
	// Of an appointment that shall be moved: its visit, whose time counts as
	// free, and its window, which is not offered again.
	visit  dispatch.VisitID
	window dispatch.Span
}

// defaultPriority is that of work whose urgency nobody has judged.
const defaultPriority = 3

// wantedBy reads what a search is for, as far as the caller may know it.
func wantedBy(ctx context.Context, tx dispatch.Tx, p dispatch.Principal, in SearchCommand) (wanted, error) {
	w := wanted{tenant: p.Tenant, priority: defaultPriority}
	service, err := in.Service, error(nil)
	switch {
	case in.Place != nil:
		w.place = *in.Place
	case !in.Site.IsZero():
		err = w.at(ctx, tx, p, in.Site)
	case !in.WorkOrder.IsZero():
		service, err = w.forWorkOrder(ctx, tx, p, in.WorkOrder)
	default:
		service, err = w.forAppointment(ctx, tx, p, in)
	}
	if err != nil {
		return w, err
	}
	if service == "" {
		return w, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "service", "it is required for a place or a site")
	}
	if w.service, err = bookableService(ctx, tx, service); err != nil {
		return w, err
	}
	if w.tiers == nil {
		if w.tiers, err = tiersOf(ctx, tx, w.service, in.Tier); err != nil {
			return w, err
		}
	}
	return w, w.locate(ctx, tx)
}

// at reads an existing site that the caller may know.
func (w *wanted) at(ctx context.Context, tx dispatch.Tx, p dispatch.Principal, id dispatch.SiteID) error {
	site, err := readSite(ctx, tx, p, id)
	w.place = placeOf(site)
	return err
}

func (w *wanted) forWorkOrder(ctx context.Context, tx dispatch.Tx, p dispatch.Principal, id dispatch.WorkOrderID) (dispatch.ServiceID, error) {
	order, err := readWorkOrder(ctx, tx, p, id)
	if err != nil {
		return "", err
	}
	if dispatch.WorkOrderMachine.Terminal(order.State) || order.State == dispatch.WorkOrderResolved {
		return "", dispatch.Refuse(dispatch.ReasonTerminalState, order.Name(), "the work order is %s and needs no appointment", order.State).
			With("state", string(order.State))
	}
	site, err := tx.GetSite(ctx, order.Site)
	w.place, w.workOrder, w.priority = placeOf(site), order.ID, order.Priority
	return order.Service, err
}

func (w *wanted) forAppointment(ctx context.Context, tx dispatch.Tx, p dispatch.Principal, in SearchCommand) (dispatch.ServiceID, error) {
	a, err := readAppointment(ctx, tx, p, in.Appointment)
	if err != nil {
		return "", err
	}
	if dispatch.AppointmentMachine.Terminal(a.State) {
		return "", dispatch.Refuse(dispatch.ReasonTerminalState, a.Name(), "the appointment is %s and cannot be moved", a.State).
			With("state", string(a.State))
	}
	order, err := tx.GetWorkOrder(ctx, a.WorkOrder)
	if err != nil {
		return "", err
	}
	site, err := tx.GetSite(ctx, order.Site)
	if err != nil {
		return "", err
	}
	tier, err := tx.GetTier(ctx, a.Service, a.Tier)
	if err != nil {
		return "", err
	}
	tier = tier.Agreed(a.Price, a.PriceLines) // moving costs nothing but what the new window adds
	w.place, w.workOrder, w.priority = placeOf(site), order.ID, order.Priority
	w.appointment, w.visit, w.window, w.tiers = a.ID, a.Visit, a.Window.Span, []dispatch.Tier{tier}
	return a.Service, nil
}

func placeOf(s dispatch.Site) Place {
	return Place{Address: s.Address, PostalCode: s.PostalCode, Location: s.Location}
}

// tiersOf gives the tier asked for, or all.
func tiersOf(ctx context.Context, tx dispatch.Tx, service dispatch.Service, only TierRef) ([]dispatch.Tier, error) {
	if only.Tier == "" {
		return tx.ListTiers(ctx, service.ID)
	}
	if only.Service != service.ID {
		return nil, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "tier", "it belongs to services/%s, not to %s", only.Service, service.Name())
	}
	tier, err := tx.GetTier(ctx, service.ID, only.Tier)
	return []dispatch.Tier{tier}, err
}

// locate finds the planning area that serves the place, and the clock on which
// its windows are read. Outside every territory the area stays empty.
func (w *wanted) locate(ctx context.Context, tx dispatch.Tx) error {
	w.place.Address, w.place.PostalCode = strings.TrimSpace(w.place.Address), strings.TrimSpace(w.place.PostalCode)
	territory, found, err := tx.TerritoryAt(ctx, w.place.Location)
	if err != nil || !found {
		return err
	}
	if w.area, err = tx.GetPlanningArea(ctx, territory.PlanningArea); err != nil {
		return err
	}
	w.zoneName = territory.TimeZone
	w.zone, err = dispatch.Zone(territory.TimeZone)
	return err
}
