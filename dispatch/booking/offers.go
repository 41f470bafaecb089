package booking

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/picture"
	"github.com/firstfix/firstfix/scheduler"
)

// choicesPerWindow is how many technicians are weighed for one window, so that a
// tier that asks for more certainty than the cheapest gives still finds one.
const choicesPerWindow = 5

// offers finds the windows of a range that can be kept, with their prices.
func (b *Booking) offers(ctx context.Context, tx dispatch.Tx, w wanted, from, until dispatch.Date, now time.Time) (Offers, error) {
	c := calendarOf(w.area, w.zone, from, until, now)
	out := Offers{HorizonEnd: c.horizonEnd}
	tooLate := false
	windows := slices.DeleteFunc(c.windows, func(s dispatch.Span) bool {
		late := len(w.soldOn(s, c.firstDay)) == 0
		tooLate = tooLate || late
		return late || s.Start.Equal(w.window.Start) && s.End.Equal(w.window.End)
	})
	missing := noOffer{
		dispatch.NoOfferInsideLeadTime: c.insideLead, dispatch.NoOfferBeyondHorizon: c.beyondHorizon,
		dispatch.NoOfferClosed: c.closed, dispatch.NoOfferBookingCutoff: tooLate,
		dispatch.NoOfferNoWindows: len(windows) == 0 && !c.insideLead && !c.beyondHorizon && !c.closed && !tooLate,
	}
	if len(windows) > 0 {
		slices.SortFunc(windows, compareSpans)
		shifts, err := suitableShifts(ctx, tx, w, dispatch.Span{Start: windows[0].Start, End: latest(windows)})
		if err != nil {
			return out, err
		}
		rows, err := picture.Read(ctx, tx, shifts)
		if err != nil {
			return out, err
		}
		for _, day := range byDay(windows, w.zone) {
			found, err := b.offersOf(w, rows, shifts, day, c.firstDay, now, missing)
			if err != nil {
				return out, err
			}
			out.Offers = append(out.Offers, found...)
		}
		if len(out.Offers) > 0 {
			out.Offers[0].Reasons = append(out.Offers[0].Reasons, "It is the earliest that somebody can come.")
		}
	}
	out.NoOffer = missing.list()
	return out, nil
}

// byDay splits windows in order of time by the local day of their start.
func byDay(windows []dispatch.Span, zone *time.Location) [][]dispatch.Span {
	var out [][]dispatch.Span
	for i, span := range windows {
		if i == 0 || dispatch.DateOf(span.Start, zone) != dispatch.DateOf(windows[i-1].Start, zone) {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], span)
	}
	return out
}

// offersOf asks for the windows of one day, of the shifts that overlap one of
// them, and prices the answers.
func (b *Booking) offersOf(w wanted, rows picture.Rows, shifts []dispatch.Shift, windows []dispatch.Span, firstDay dispatch.Date, now time.Time, missing noOffer) ([]Offer, error) {
	day := dispatch.Span{Start: windows[0].Start, End: latest(windows)}
	var working []dispatch.Shift
	for _, shift := range shifts {
		if shift.Span.Overlaps(day) {
			working = append(working, shift)
		}
	}
	s, err := b.draw(rows, w, working, dispatch.Span{}, now)
	if err != nil {
		return nil, err
	}
	query := scheduler.OfferQuery{Job: s.job, MaxChoices: choicesPerWindow}
	for _, span := range windows {
		query.Windows = append(query.Windows, s.picture.Window(span))
	}
	answers, err := s.live.Offers(query, scheduler.NewWorkspace())
	if err != nil {
		return nil, fmt.Errorf("search slot offers: %w", err)
	}
	var out []Offer
	for i, answer := range answers {
		if len(answer.Choices) == 0 {
			missing[s.whyNot(windows[i])] = true
			continue
		}
		for _, tier := range w.soldOn(windows[i], firstDay) {
			at := slices.IndexFunc(answer.Choices, func(c scheduler.Choice) bool { return c.OnTime >= tier.OnTimeFloor })
			if at < 0 {
				missing[dispatch.NoOfferTooUnsure] = true
				continue
			}
			offer, err := b.offer(w, s, tier, windows[i], answer.Choices[at], now)
			if err != nil {
				return nil, err
			}
			out = append(out, offer)
		}
	}
	slices.SortStableFunc(out, func(a, b Offer) int {
		return cmp.Or(compareSpans(a.Window.Span, b.Window.Span), cmp.Compare(a.Price.Minor, b.Price.Minor))
	})
	return out, nil
}

// soldOn gives the tiers that are still sold for a window, where before firstDay only
// those of short notice are.
func (w wanted) soldOn(window dispatch.Span, firstDay dispatch.Date) []dispatch.Tier {
	if !dispatch.DateOf(window.Start, w.zone).Before(firstDay) {
		return w.tiers
	}
	var out []dispatch.Tier
	for _, tier := range w.tiers {
		if tier.ShortNotice {
			out = append(out, tier)
		}
	}
	return out
}

// offer makes one offer with its sealed token.
func (b *Booking) offer(w wanted, s *seating, tier dispatch.Tier, span dispatch.Span, c scheduler.Choice, now time.Time) (Offer, error) {
	o := Offer{
		Window: dispatch.Window{Span: span, Zone: w.zoneName}, Service: w.service.ID, Tier: tier.ID,
		Reasons: s.reasons(w.place.Location, c), OnTime: c.OnTime, ComputedAt: now, ExpiresAt: now.Add(offerLife),
		Quality: b.travel.Estimate(w.place.Location, w.place.Location).Quality,
	}
	o.Price, o.PriceLines = tier.PriceAt(w.area.ID, span.Start.In(w.zone))
	var err error
	o.Token, err = b.seal.Token(dispatch.PurposeSlotOffer, SlotOfferToken{
		Tenant: w.tenant, Area: w.area.ID, Service: o.Service, Tier: o.Tier, Window: o.Window, Price: o.Price, Lines: o.PriceLines,
		Place: w.place, WorkOrder: w.workOrder, Appointment: w.appointment, ExpiresAt: o.ExpiresAt,
	})
	return o, err
}

// noOffer collects why windows are not offered.
type noOffer map[dispatch.NoOfferReason]bool

// list gives the reasons that hold, the weightiest first.
func (n noOffer) list() []dispatch.NoOfferReason {
	var out []dispatch.NoOfferReason
	for _, reason := range []dispatch.NoOfferReason{
		dispatch.NoOfferClosed, dispatch.NoOfferNoWindows, dispatch.NoOfferNoSkill, dispatch.NoOfferFullyBooked, dispatch.NoOfferTooUnsure,
		dispatch.NoOfferBookingCutoff, dispatch.NoOfferInsideLeadTime, dispatch.NoOfferBeyondHorizon,
	} {
		if n[reason] {
			out = append(out, reason)
		}
	}
	return out
}

func compareSpans(a, b dispatch.Span) int {
	return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End))
}

func latest(spans []dispatch.Span) time.Time {
	var end time.Time
	for _, s := range spans {
		if s.End.After(end) {
			end = s.End
		}
	}
	return end
}
