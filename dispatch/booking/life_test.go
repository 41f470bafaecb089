package booking_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/booking"
)

func refusalOf(err error) *dispatch.Error {
	var refused *dispatch.Error
	errors.As(err, &refused)
	return refused
}

// TestLifeOfABooking follows one visitor from the first search to the last word.
func TestLifeOfABooking(t *testing.T) {
	t.Parallel()
	d := open(t)
	anna := d.visitor()

	offers := d.search(t, anna, 1)
	if len(offers.Offers) != 3 || len(offers.NoOffer) != 0 {
		t.Fatalf("offers of a free day: %d, missing %v; want its 3 windows", len(offers.Offers), offers.NoOffer)
	}
	first := offers.Offers[0]
	if !first.Window.Start.Equal(d.At(1, 8, 0)) || !first.Window.End.Equal(d.At(1, 10, 0)) || first.Window.Zone != "America/New_York" {
		t.Errorf("first window is %v", first.Window)
	}
	if first.Price != d.Tier.Price || first.OnTime < 0.5 || first.OnTime > 1 || len(first.Reasons) == 0 || first.Quality != dispatch.QualityCoarse {
		t.Errorf("first offer is %+v", first)
	}
	if !first.ExpiresAt.Equal(first.ComputedAt.Add(10 * time.Minute)) {
		t.Errorf("computed at %s, expires at %s; want ten minutes", first.ComputedAt, first.ExpiresAt)
	}

	hold, err := d.CreateHold(t.Context(), d.as(anna, "CreateHold"), first.Token)
	if err != nil {
		t.Fatal(err)
	}
	if hold.State != dispatch.HoldHeld || !hold.ExpiresAt.Equal(first.ComputedAt.Add(d.Area.HoldTime)) {
		t.Errorf("hold is %+v", hold)
	}
	a, err := d.ConfirmHold(t.Context(), d.as(anna, "ConfirmHold"), d.confirmation(t, hold, "Anna Field"))
	if err != nil {
		t.Fatal(err)
	}
	if !a.CutoffAt.Equal(d.At(1, 4, 0)) || a.Price != first.Price || a.State != dispatch.AppointmentConfirmed || a.Promise != 1 {
		t.Errorf("appointment is %+v", a)
	}
	checkBooked(t, d, a)

	moved, err := d.RescheduleAppointment(t.Context(), d.as(anna, "RescheduleAppointment"), booking.RescheduleCommand{
		Appointment: a.ID, SlotToken: d.offerToMove(t, anna, a.ID, 2).Token, Version: a.Version, Reason: "on a journey",
	})
	if err != nil {
		t.Fatal(err)
	}
	if !moved.Window.Start.Equal(d.At(2, 8, 0)) || moved.Promise != 2 || moved.Version != a.Version+1 || !moved.CutoffAt.Equal(d.At(2, 4, 0)) {
		t.Errorf("moved to %+v", moved)
	}
	gone, err := d.CancelAppointment(t.Context(), d.as(anna, "CancelAppointment"), booking.CancelCommand{Appointment: a.ID})
	if err != nil || gone.State != dispatch.AppointmentCancelled {
		t.Fatalf("cancelled: %+v, %v", gone, err)
	}
	again, err := d.CancelAppointment(t.Context(), d.as(anna, "CancelAppointment"), booking.CancelCommand{Appointment: a.ID})
	if err != nil || !cmp.Equal(gone, again, sameInstant) {
		t.Errorf("cancelled twice: %v\n%s", err, cmp.Diff(gone, again, sameInstant))
	}
	checkCalledOff(t, d, anna, a)
}

// checkBooked looks at everything that a confirmed hold leaves behind.
func checkBooked(t *testing.T, d *desk, a dispatch.ListedAppointment) {
	t.Helper()
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		order, err := tx.GetWorkOrder(ctx, a.WorkOrder)
		if err != nil || order.State != dispatch.WorkOrderScheduled || order.Customer != a.Customer || order.Issue != "it is dark" {
			t.Errorf("work order is %+v, %v", order, err)
		}
		visit, err := tx.GetVisit(ctx, a.Visit)
		if err != nil || visit.State != dispatch.VisitPlanned || visit.Appointment != a.ID || visit.Duration != d.Service.Duration {
			t.Errorf("visit is %+v, %v", visit, err)
		}
		c, found, err := tx.CommitmentOfVisit(ctx, a.Visit)
		if err != nil || !found || c.State != dispatch.CommitmentPlanned || !a.Window.Contains(c.Span.Start) || c.Span.Duration() != d.Service.Duration {
			t.Errorf("commitment is %+v (found %t), %v", c, found, err)
		}
		customer, err := tx.GetCustomer(ctx, a.Customer)
		if err != nil || customer.DisplayName != "Anna Field" || !customer.MailAllowed || customer.TextAllowed {
			t.Errorf("customer is %+v, %v", customer, err)
		}
		return nil
	})
	for kind, subject := range map[dispatch.NoticeKind]string{
		dispatch.NoticeAppointmentBooked: a.Name(), dispatch.NoticeVisitPlanned: a.Visit.Name(),
		dispatch.NoticeDayChanged: a.Visit.Name(), dispatch.NoticeWorkOrderOpened: a.WorkOrder.Name(),
	} {
		if n := d.count(t, `SELECT count(*) FROM notices WHERE kind = $1 AND subject = $2 AND version = 1`, kind, subject); n != 1 {
			t.Errorf("%d notices %s of %s, want 1", n, kind, subject)
		}
	}
}

func checkCalledOff(t *testing.T, d *desk, p dispatch.Principal, a dispatch.ListedAppointment) {
	t.Helper()
	promises, _, err := d.ListPromises(t.Context(), d.as(p, "ListPromises"), a.ID, dispatch.Page{Size: 50})
	if err != nil {
		t.Fatal(err)
	}
	type entry struct {
		Start   time.Time
		By, Why string
		Outcome dispatch.PromiseOutcome
	}
	var ledger []entry
	for _, promise := range promises {
		ledger = append(ledger, entry{promise.Window.Start, promise.MadeBy, promise.Reason, promise.Outcome})
	}
	want := []entry{
		{d.At(1, 8, 0), p.Subject, "booked", dispatch.PromiseSuperseded},
		{d.At(2, 8, 0), p.Subject, "on a journey", dispatch.PromiseWithdrawn},
	}
	if diff := cmp.Diff(want, ledger, sameInstant); diff != "" {
		t.Errorf("the ledger (-want +got):\n%s", diff)
	}
	if n := d.count(t, `SELECT count(*) FROM commitments WHERE kind <> 'break' AND state <> 'released'`); n != 0 {
		t.Errorf("%d commitments are left of it", n)
	}
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		order, err := tx.GetWorkOrder(ctx, a.WorkOrder)
		if err != nil || order.State != dispatch.WorkOrderCancelled {
			t.Errorf("work order is %+v, %v", order, err)
		}
		return nil
	})
	told := d.count(t, `SELECT count(DISTINCT template) FROM deliveries WHERE template IN ('booked', 'changed', 'cancelled')`)
	if n := d.count(t, `SELECT count(*) FROM deliveries`); told != 3 || n != 6 {
		t.Errorf("%d templates in %d deliveries, want 3 in 6: mail and text each", told, n)
	}
}

func TestSearchSaysWhyThereIsNothing(t *testing.T) {
	t.Parallel()
	d := open(t)
	anna := d.visitor()
	cases := []struct {
		name   string
		change func(in *booking.SearchCommand)
		want   dispatch.NoOfferReason
	}{
		{"outside every territory", func(in *booking.SearchCommand) { in.Place.Location.Latitude += 1 }, dispatch.NoOfferOutOfArea},
		{"nobody works that day", func(in *booking.SearchCommand) { in.From, in.Until = d.day(8), d.day(9) }, dispatch.NoOfferNoSkill},
		{"beyond the horizon", func(in *booking.SearchCommand) { in.From, in.Until = d.day(20), d.day(22) }, dispatch.NoOfferBeyondHorizon},
		{"in the past", func(in *booking.SearchCommand) { in.From, in.Until = d.day(-3), d.day(-1) }, dispatch.NoOfferInsideLeadTime},
		{"far in the future", func(in *booking.SearchCommand) {
			in.From, in.Until = dispatch.Date{Year: 9999, Month: 1, Day: 1}, dispatch.Date{Year: 9999, Month: 1, Day: 2}
		}, dispatch.NoOfferBeyondHorizon},
	}
	for _, tc := range cases {
		in := booking.SearchCommand{Place: d.place(0), Service: d.Service.ID, From: d.day(1), Until: d.day(2)}
		tc.change(&in)
		got, err := d.SearchSlotOffers(t.Context(), d.as(anna, "SearchSlotOffers"), in)
		if err != nil || len(got.Offers) != 0 || !slices.Contains(got.NoOffer, tc.want) {
			t.Errorf("%s: %d offers, %v, %v; want %s", tc.name, len(got.Offers), got.NoOffer, err, tc.want)
		}
	}
	if n := d.count(t, `SELECT count(*) FROM slot_searches WHERE offered = 0 AND no_offer_reason <> ''`); n != len(cases) {
		t.Errorf("%d searches without offers are on record, want %d", n, len(cases))
	}
	today := d.search(t, anna, 0)
	if len(today.Offers) != 3 {
		t.Errorf("at 7:00 with an hour's lead: %d windows today, want the 3 from 8:00 on", len(today.Offers))
	}
	d.SetTime(t, d.At(0, 7, 1))
	if later := d.search(t, anna, 0); len(later.Offers) != 2 || !slices.Contains(later.NoOffer, dispatch.NoOfferInsideLeadTime) {
		t.Errorf("a minute later: %d windows, %v; want 2 and INSIDE_LEAD_TIME", len(later.Offers), later.NoOffer)
	}
}

func TestSearchRefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := func(change func(*booking.SearchCommand)) booking.SearchCommand {
		c := booking.SearchCommand{Place: d.place(0), Service: d.Service.ID, From: d.day(1), Until: d.day(2)}
		change(&c)
		return c
	}
	cases := []struct {
		name string
		in   booking.SearchCommand
		want dispatch.Reason
	}{
		{"end at start", in(func(c *booking.SearchCommand) { c.Until = c.From }), dispatch.ReasonRangeInverted},
		{"end before start", in(func(c *booking.SearchCommand) { c.Until = d.day(0) }), dispatch.ReasonRangeInverted},
		{"63 days", in(func(c *booking.SearchCommand) { c.Until = c.From.AddDays(63) }), dispatch.ReasonRangeTooLong},
		{"unknown service", in(func(c *booking.SearchCommand) { c.Service = "piano" }), dispatch.ReasonResourceNotFound},
		{"no service", in(func(c *booking.SearchCommand) { c.Service = "" }), dispatch.ReasonInvalidRequest},
		{"unknown tier", in(func(c *booking.SearchCommand) { c.Tier = booking.TierRef{Service: d.Service.ID, Tier: "gold"} }), dispatch.ReasonResourceNotFound},
		{"tier of another service", in(func(c *booking.SearchCommand) { c.Tier = booking.TierRef{Service: "boiler", Tier: "standard"} }), dispatch.ReasonInvalidRequest},
		{"a site that is not the visitor's", in(func(c *booking.SearchCommand) { c.Place, c.Site = nil, d.Site.ID }), dispatch.ReasonAccessDenied},
		{"a site that does not exist", in(func(c *booking.SearchCommand) { c.Place, c.Site = nil, d.Site.ID.New() }), dispatch.ReasonAccessDenied},
	}
	for _, tc := range cases {
		_, err := d.SearchSlotOffers(t.Context(), d.as(d.visitor(), "SearchSlotOffers"), tc.in)
		wantReason(t, tc.name, err, tc.want)
	}
}

func TestGetBookingRequirements(t *testing.T) {
	t.Parallel()
	d := open(t)
	got, err := d.GetBookingRequirements(t.Context(), d.as(d.visitor(), "GetBookingRequirements"), d.Service.ID)
	if err != nil || len(got.Tiers) != 1 || got.Service.ID != d.Service.ID {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, f := range got.Fields {
		if f.Field == "" || f.Need == "" || f.Why == "" {
			t.Errorf("field %+v does not say what, whether and why", f)
		}
	}
	_, err = d.GetBookingRequirements(t.Context(), d.as(d.visitor(), "GetBookingRequirements"), "piano")
	wantReason(t, "unknown service", err, dispatch.ReasonResourceNotFound)
}
