package booking_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/booking"
)

// changeArea and changeTier do what an administrator does.
func (d *desk) changeArea(t *testing.T, change func(*dispatch.PlanningArea)) {
	t.Helper()
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		area, err := tx.GetPlanningArea(ctx, d.Area.ID)
		if err != nil {
			return err
		}
		change(&area)
		return tx.SavePlanningArea(ctx, area)
	})
}

func (d *desk) changeTier(t *testing.T, change func(*dispatch.Tier)) {
	t.Helper()
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		tier, err := tx.GetTier(ctx, d.Service.ID, d.Tier.ID)
		if err != nil {
			return err
		}
		change(&tier)
		return tx.SaveTier(ctx, tier)
	})
}

// addTier sells the lamp repair at another level too.
func (d *desk) addTier(t *testing.T, tier dispatch.Tier) {
	t.Helper()
	tier.Service, tier.Version = d.Service.ID, 1
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error { return tx.CreateTier(ctx, tier) })
}

// searchDays asks for offers of the days [from, until), of one level or, with "", all.
func (d *desk) searchDays(t *testing.T, tier dispatch.TierID, from, until int) booking.Offers {
	t.Helper()
	in := booking.SearchCommand{Place: d.place(0), Service: d.Service.ID, From: d.day(from), Until: d.day(until)}
	if tier != "" {
		in.Tier = booking.TierRef{Service: d.Service.ID, Tier: tier}
	}
	got, err := d.SearchSlotOffers(t.Context(), d.as(d.visitor(), "SearchSlotOffers"), in)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// shown is "day tier" of each offer, where the window is the day's first.
func (d *desk) shown(offers []booking.Offer) []string {
	var out []string
	for _, o := range offers {
		if local := o.Window.Start.In(d.Zone); local.Hour() == 8 {
			out = append(out, local.Format("Mon")+" "+string(o.Tier))
		}
	}
	return out
}

func TestNobodyIsOfferedADayOff(t *testing.T) {
	t.Parallel()
	d := open(t)
	booked := d.book(t, d.visitor(), 2)
	d.changeArea(t, func(a *dispatch.PlanningArea) { a.Closed = []dispatch.Date{d.day(2), d.day(3)} })
	got := d.searchDays(t, "", 1, 5)
	if diff := cmp.Diff([]string{"Tue standard", "Fri standard"}, d.shown(got.Offers)); diff != "" {
		t.Errorf("offers around the days off (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]dispatch.NoOfferReason{dispatch.NoOfferClosed}, got.NoOffer); diff != "" {
		t.Errorf("why not more (-want +got):\n%s", diff)
	}
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		a, err := tx.GetAppointment(ctx, booked.ID)
		if err != nil || a.State != dispatch.AppointmentConfirmed {
			t.Errorf("what was promised before on the day off is %s, %v; want it to stand", a.State, err)
		}
		return nil
	})
}

func TestAfterTheCutOffOnlyShortNoticeIsSold(t *testing.T) {
	t.Parallel()
	d := open(t)
	cutoff := dispatch.Clock(16, 0)
	d.changeArea(t, func(a *dispatch.PlanningArea) { a.BookingCutoff = &cutoff })
	d.addTier(t, dispatch.Tier{ID: "same-day", DisplayName: "Same day", Price: dispatch.Money{Minor: 9900, Currency: "USD"}, ShortNotice: true})
	early := []string{"Tue standard", "Tue same-day", "Wed standard", "Wed same-day"}
	late := []string{"Tue same-day", "Wed standard", "Wed same-day"}
	for _, tc := range []struct {
		hour, minute int
		want         []string
	}{{15, 59, early}, {16, 0, late}, {23, 59, late}} {
		d.SetTime(t, d.At(0, tc.hour, tc.minute))
		if diff := cmp.Diff(tc.want, d.shown(d.searchDays(t, "", 1, 3).Offers)); diff != "" {
			t.Errorf("offers at %02d:%02d (-want +got):\n%s", tc.hour, tc.minute, diff)
		}
	}
	got := d.searchDays(t, "standard", 1, 2)
	if diff := cmp.Diff([]dispatch.NoOfferReason{dispatch.NoOfferBookingCutoff}, got.NoOffer); diff != "" || len(got.Offers) != 0 {
		t.Errorf("%d offers of the standard level for tomorrow, why not (-want +got):\n%s", len(got.Offers), diff)
	}
}

// TestWhatCouldBeHadInstead: a search that finds nothing names the level that would
// do, and the first day after; both can be held as they are.
func TestWhatCouldBeHadInstead(t *testing.T) {
	t.Parallel()
	d := open(t)
	cutoff := dispatch.Clock(16, 0)
	d.changeArea(t, func(a *dispatch.PlanningArea) {
		a.BookingCutoff, a.Closed = &cutoff, []dispatch.Date{d.day(2)}
	})
	d.addTier(t, dispatch.Tier{ID: "same-day", DisplayName: "Same day", Price: dispatch.Money{Minor: 9900, Currency: "USD"}, ShortNotice: true})
	d.SetTime(t, d.At(0, 17, 0))
	got := d.searchDays(t, "standard", 1, 2)
	if diff := cmp.Diff([]string{"Tue same-day", "Thu standard"}, d.shown(got.Alternatives)); diff != "" {
		t.Fatalf("instead (-want +got):\n%s", diff)
	}
	for i, why := range []string{"another level of service: Same day", "first after the days"} {
		if o := got.Alternatives[i]; !strings.Contains(o.Reasons[0], why) {
			t.Errorf("%v does not say first %q", o.Reasons, why)
		}
		if _, err := d.CreateHold(t.Context(), d.as(d.visitor(), "CreateHold"), got.Alternatives[i].Token); err != nil {
			t.Errorf("holding it: %v", err)
		}
	}
	if more := d.searchDays(t, "standard", 1, 4); len(more.Offers) == 0 || len(more.Alternatives) != 0 {
		t.Errorf("%d offers and %d alternatives, want none of these where there are offers", len(more.Offers), len(more.Alternatives))
	}
	if none := d.searchDays(t, "standard", 40, 41); len(none.Offers)+len(none.Alternatives) != 0 {
		t.Errorf("%d alternatives beyond the horizon", len(none.Alternatives))
	}
}

// TestAPriceIsReadOnTheClockOfThePlace: the window at eight in Boston is not one at noon.
func TestAPriceIsReadOnTheClockOfThePlace(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.changeTier(t, func(tier *dispatch.Tier) {
		tier.Rules = []dispatch.PriceRule{{Label: "Early", From: dispatch.Clock(7, 0), Until: dispatch.Clock(9, 0), Amount: dispatch.Money{Minor: 1000, Currency: "USD"}}}
	})
	var got []int64
	for _, o := range d.search(t, d.visitor(), 1).Offers {
		got = append(got, o.Price.Minor)
	}
	if diff := cmp.Diff([]int64{5900, 4900, 4900}, got); diff != "" {
		t.Errorf("prices of the day (-want +got):\n%s", diff)
	}
}

// TestTheNextWindowMayBeWeeksAway: it is found although nobody works in between.
func TestTheNextWindowMayBeWeeksAway(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.changeArea(t, func(a *dispatch.PlanningArea) { a.HorizonDays = 60 })
	far := d.Shifts[0]
	far.ID, far.Date = dispatch.ShiftID{}.New(), d.day(25)
	far.Span = dispatch.Span{Start: d.At(25, 8, 0), End: d.At(25, 16, 0)}
	far.Breaks = nil
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error { return tx.CreateShifts(ctx, []dispatch.Shift{far}) })
	got := d.searchDays(t, "", 7, 8)
	if len(got.Offers) != 0 || len(got.Alternatives) != 1 || !got.Alternatives[0].Window.Start.Equal(d.At(25, 8, 0)) {
		t.Errorf("%d offers, alternatives %+v; want the window eighteen days later", len(got.Offers), got.Alternatives)
	}
}

// TestThePriceOfTheOfferIsCharged although the tier gets dearer before the hold is
// confirmed; and a move pays for what the new window adds, at the price of then.
func TestThePriceOfTheOfferIsCharged(t *testing.T) {
	t.Parallel()
	d := open(t)
	weekend := dispatch.PriceRule{Label: "Weekend", Weekdays: []int{6, 7}, Amount: dispatch.Money{Minor: 3000, Currency: "USD"}}
	d.changeTier(t, func(tier *dispatch.Tier) { tier.Rules = []dispatch.PriceRule{weekend} })
	anna := d.visitor()
	hold := d.hold(t, anna, 5) // Saturday
	d.changeTier(t, func(tier *dispatch.Tier) {
		tier.Price.Minor, tier.Rules[0].Amount.Minor = 9900, 5000
	})
	a, err := d.ConfirmHold(t.Context(), d.as(anna, "ConfirmHold"), d.confirmation(t, hold, "Anna Field"))
	if err != nil {
		t.Fatal(err)
	}
	same := []dispatch.PriceLine{{Label: "Standard", Minor: 4900}, {Label: "Weekend", Minor: 3000}}
	if diff := cmp.Diff(same, a.PriceLines); diff != "" || a.Price.Minor != 7900 {
		t.Errorf("booked for %d, lines (-want +got):\n%s", a.Price.Minor, diff)
	}
	for _, tc := range []struct {
		day  int
		want int64
	}{{1, 4900}, {2, 4900}, {6, 9900}} {
		offer := d.offerToMove(t, anna, a.ID, tc.day)
		a, err = d.RescheduleAppointment(t.Context(), d.as(anna, "RescheduleAppointment"), booking.RescheduleCommand{
			Appointment: a.ID, SlotToken: offer.Token, Version: a.Version,
		})
		if err != nil || a.Price.Minor != tc.want || a.Price != offer.Price || !cmp.Equal(a.PriceLines, offer.PriceLines) {
			t.Fatalf("moved by %d days: %d, %v; want %d, as offered", tc.day, a.Price.Minor, err, tc.want)
		}
	}
}
