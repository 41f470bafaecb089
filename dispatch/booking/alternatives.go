package booking

import (
	"context"
	"slices"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// How far after the range a window is looked for, in steps: most often the first step
// finds one.
const (
	alternativeStep  = 7 // days
	alternativeSteps = 4
)

// alternatives finds what could be had where a search found nothing: another level of
// service in the same days, and the soonest window after them.
func (b *Booking) alternatives(ctx context.Context, tx dispatch.Tx, w wanted, in SearchCommand, now time.Time) ([]Offer, error) {
	var out []Offer
	if in.Tier.Tier != "" && w.appointment.IsZero() {
		others, err := tx.ListTiers(ctx, w.service.ID)
		if err != nil {
			return nil, err
		}
		names := map[dispatch.TierID]string{}
		other := w
		other.tiers = slices.DeleteFunc(others, func(t dispatch.Tier) bool { return t.ID == in.Tier.Tier })
		for _, t := range other.tiers {
			names[t.ID] = t.DisplayName
		}
		found, err := b.offers(ctx, tx, other, in.From, in.Until, now)
		if err != nil {
			return nil, err
		}
		if len(found.Offers) > 0 {
			first := found.Offers[0]
			out = append(out, first.because("It is another level of service: "+names[first.Tier]+"."))
		}
	}
	later, found, err := b.soonestAfter(ctx, tx, w, in.Until, now)
	if err == nil && found {
		out = append(out, later.because("It is the first after the days that were asked for."))
	}
	return out, err
}

// soonestAfter finds the first offer from a day on.
func (b *Booking) soonestAfter(ctx context.Context, tx dispatch.Tx, w wanted, from dispatch.Date, now time.Time) (Offer, bool, error) {
	if today := dispatch.DateOf(now, w.zone); from.Before(today) {
		from = today
	}
	for range alternativeSteps {
		until := from.AddDays(alternativeStep)
		found, err := b.offers(ctx, tx, w, from, until, now)
		if err != nil {
			return Offer{}, false, err
		}
		if len(found.Offers) > 0 {
			return found.Offers[0], true, nil
		}
		if !startOf(until, w.zone).Before(found.HorizonEnd) {
			break
		}
		from = until
	}
	return Offer{}, false, nil
}

// because gives the offer with a reason before its own.
func (o Offer) because(reason string) Offer {
	o.Reasons = append([]string{reason}, o.Reasons...)
	return o
}
