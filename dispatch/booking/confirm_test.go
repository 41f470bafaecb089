package booking_test

import (
	"context"
	"testing"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/booking"
)

func TestConfirmRefusals(t *testing.T) {
	t.Parallel()
	d := open(t)
	anna := d.visitor()
	hold := d.hold(t, anna, 1)
	cases := []struct {
		name   string
		change func(in *booking.ConfirmCommand)
		want   dispatch.Reason
		field  string
	}{
		{"nobody", func(in *booking.ConfirmCommand) { in.Details = nil }, dispatch.ReasonInvalidRequest, "customer_details"},
		{"a name of spaces", func(in *booking.ConfirmCommand) { in.Details.DisplayName = " \u3000 " }, dispatch.ReasonInvalidRequest, "customer_details.display_name"},
		{"a name of marks only", func(in *booking.ConfirmCommand) { in.Details.DisplayName = "--- !!" }, dispatch.ReasonInvalidRequest, "customer_details.display_name"},
		{"no way to reach", func(in *booking.ConfirmCommand) { in.Details.Email = "" }, dispatch.ReasonInvalidRequest, "customer_details.email"},
		{"an injected header", func(in *booking.ConfirmCommand) { in.Details.Email = "a@b.example\r\nBcc: x@y.example" }, dispatch.ReasonInvalidRequest, "customer_details.email"},
		{"a phone that cannot be called", func(in *booking.ConfirmCommand) { in.Details.Phone = "12" }, dispatch.ReasonInvalidRequest, "customer_details.phone"},
		{"another window", func(in *booking.ConfirmCommand) {
			w := hold.Window
			w.End = w.End.Add(1)
			in.Window = &w
		}, dispatch.ReasonInvalidRequest, "window"},
		{"a customer that a visitor may not name", func(in *booking.ConfirmCommand) { in.Details, in.Customer = nil, d.Customer.ID }, dispatch.ReasonAccessDenied, ""},
		{"an asset that is not there", func(in *booking.ConfirmCommand) { in.Asset = d.Asset.ID }, dispatch.ReasonReferenceNotFound, "asset"},
	}
	for _, tc := range cases {
		in := d.confirmation(t, hold, "Anna Field")
		tc.change(&in)
		_, err := d.ConfirmHold(t.Context(), d.as(anna, "ConfirmHold"), in)
		refused := wantReason(t, tc.name, err, tc.want)
		if tc.field != "" && (len(refused.Fields) != 1 || refused.Fields[0].Field != tc.field) {
			t.Errorf("%s: faults %v, want one of %s", tc.name, refused.Fields, tc.field)
		}
	}
	both := d.confirmation(t, hold, " ")
	both.Details.Email = "nowhere"
	_, err := d.ConfirmHold(t.Context(), d.as(anna, "ConfirmHold"), both)
	if refused := wantReason(t, "two faults", err, dispatch.ReasonInvalidRequest); len(refused.Fields) != 2 {
		t.Errorf("faults %v, want both", refused.Fields)
	}

	right := d.confirmation(t, hold, "Anna Field")
	right.Window = &hold.Window
	a, err := d.ConfirmHold(t.Context(), d.as(anna, "ConfirmHold"), right)
	if err != nil {
		t.Fatalf("after all refusals the hold is as good as new: %v", err)
	}
	_, err = d.ConfirmHold(t.Context(), d.as(anna, "ConfirmHold"), right)
	refused := wantReason(t, "a hold that was used", err, dispatch.ReasonHoldConsumed)
	if refused.Metadata["appointment"] != a.Name() {
		t.Errorf("metadata %v, want the appointment", refused.Metadata)
	}
}

func TestTheSameBookingTwice(t *testing.T) {
	t.Parallel()
	d := open(t)
	anna, again := d.visitor(), d.visitor()
	first, err := d.ConfirmHold(t.Context(), d.as(anna, "ConfirmHold"), d.confirmation(t, d.hold(t, anna, 1), "Anna Field"))
	if err != nil {
		t.Fatal(err)
	}
	in := d.confirmation(t, d.hold(t, again, 1), "anna  FIELD")
	in.Details.Email = "SOMEONE@example.org"
	_, err = d.ConfirmHold(t.Context(), d.as(again, "ConfirmHold"), in)
	if refused := wantReason(t, "the same person, place, service and day", err, dispatch.ReasonDuplicateSuspected); refused.Subject != "" {
		t.Errorf("a visitor was told of %s, which is not his", refused.Subject)
	}
	in.AllowDuplicate = true
	second, err := d.ConfirmHold(t.Context(), d.as(again, "ConfirmHold"), in)
	if err != nil || second.Customer != first.Customer {
		t.Errorf("meant: %v; customers %s and %s, want one", err, first.Customer, second.Customer)
	}
	holder := d.visitor()
	hold := d.hold(t, holder, 1)
	third, err := d.ConfirmHold(t.Context(), d.as(holder, "ConfirmHold"), d.confirmation(t, hold, "Bert Field"))
	if err != nil || third.Customer == first.Customer {
		t.Errorf("another person at the same address: %v; customer %s", err, third.Customer)
	}
	next := d.visitor()
	if _, err := d.ConfirmHold(t.Context(), d.as(next, "ConfirmHold"), d.confirmation(t, d.hold(t, next, 2), "Anna Field")); err != nil {
		t.Errorf("the day after: %v", err)
	}
}

// TestATechnicianWhoIsGone takes the technician away between hold and confirm.
func TestATechnicianWhoIsGone(t *testing.T) {
	t.Parallel()
	d := open(t)
	anna := d.visitor()
	hold := d.hold(t, anna, 1)
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		c, _, err := tx.CommitmentOfHold(ctx, hold.ID)
		if err != nil {
			return err
		}
		who, err := tx.GetTechnicians(ctx, []dispatch.TechnicianID{c.Technician})
		if err != nil {
			return err
		}
		who[0].Active = false
		return tx.SaveTechnician(ctx, who[0])
	})
	_, err := d.ConfirmHold(t.Context(), d.as(anna, "ConfirmHold"), d.confirmation(t, hold, "Anna Field"))
	if refused := wantReason(t, "confirm", err, dispatch.ReasonSlotUnavailable); refused.Metadata["nextSlots"] == "" {
		t.Errorf("no alternatives in %v", refused.Metadata)
	}
	if n := d.count(t, `SELECT count(*) FROM appointments`); n != 0 {
		t.Errorf("%d appointments without a technician", n)
	}
}

// TestBookingForAWorkOrder books a visit that waits already, and calls it off.
func TestBookingForAWorkOrder(t *testing.T) {
	t.Parallel()
	d := open(t)
	dispatcher := d.Principal(dispatch.RoleDispatcher)
	order := dispatch.WorkOrder{
		ID: dispatch.WorkOrderID{}.New(), Customer: d.Customer.ID, Site: d.Site.ID, Asset: d.Asset.ID, Service: d.Service.ID,
		PlanningArea: d.Area.ID, State: dispatch.WorkOrderOpen, Priority: 1, OpenedAt: d.At(0, 6, 0), Version: 1,
	}
	visit := dispatch.Visit{
		ID: dispatch.VisitID{}.New(), WorkOrder: order.ID, PlanningArea: d.Area.ID, Ordinal: 1, State: dispatch.VisitUnassigned,
		Duration: d.Service.Duration, CreatedAt: d.At(0, 6, 0), Version: 1,
	}
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		if err := tx.CreateWorkOrder(ctx, order); err != nil {
			return err
		}
		return tx.CreateVisit(ctx, visit)
	})
	search := func(p dispatch.Principal) (booking.Offers, error) {
		return d.SearchSlotOffers(t.Context(), d.as(p, "SearchSlotOffers"), booking.SearchCommand{WorkOrder: order.ID, From: d.day(1), Until: d.day(2)})
	}
	_, err := search(d.visitor())
	wantReason(t, "a visitor asks for a work order", err, dispatch.ReasonAccessDenied)
	owner := d.Principal(dispatch.RoleCustomer)
	if got, err := search(owner); err != nil || len(got.Offers) == 0 {
		t.Errorf("its customer asks: %v, %v", got.NoOffer, err)
	}
	offers, err := search(dispatcher)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.CreateHold(t.Context(), d.as(d.visitor(), "CreateHold"), offers.Offers[0].Token)
	wantReason(t, "a visitor with somebody's offer for a work order", err, dispatch.ReasonAccessDenied)
	hold, err := d.CreateHold(t.Context(), d.as(dispatcher, "CreateHold"), offers.Offers[0].Token)
	if err != nil {
		t.Fatal(err)
	}
	a, err := d.ConfirmHold(t.Context(), d.as(dispatcher, "ConfirmHold"), booking.ConfirmCommand{Hold: hold.ID, Token: d.token(t, hold)})
	if err != nil {
		t.Fatal(err)
	}
	if a.WorkOrder != order.ID || a.Visit != visit.ID || a.Customer != d.Customer.ID {
		t.Errorf("booked %+v; want the order, visit and customer that were there", a)
	}
	second, err := d.CreateHold(t.Context(), d.as(dispatcher, "CreateHold"), offers.Offers[1].Token)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.ConfirmHold(t.Context(), d.as(dispatcher, "ConfirmHold"), booking.ConfirmCommand{Hold: second.ID, Token: d.token(t, second), AllowDuplicate: true})
	wantReason(t, "a second appointment for the same visit", err, dispatch.ReasonMoveNotAllowed)

	if _, err := d.CancelAppointment(t.Context(), d.as(owner, "CancelAppointment"), booking.CancelCommand{Appointment: a.ID}); err != nil {
		t.Fatal(err)
	}
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		w, err := tx.GetWorkOrder(ctx, order.ID)
		if err != nil || w.State != dispatch.WorkOrderOpen {
			t.Errorf("the work order that was there before is %s, %v; want open", w.State, err)
		}
		return nil
	})
}
