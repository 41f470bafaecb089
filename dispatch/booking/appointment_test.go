package booking_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/booking"
)

func TestRescheduleKeepsTheOldWindowWhenTheNewOneIsGone(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.lastHour(t)
	anna, ben := d.visitor(), d.visitor()
	a := d.book(t, anna, 2)
	offer := d.offerToMove(t, anna, a.ID, 1)
	d.book(t, ben, 1)
	_, err := d.RescheduleAppointment(t.Context(), d.as(anna, "RescheduleAppointment"), booking.RescheduleCommand{
		Appointment: a.ID, SlotToken: offer.Token, Version: a.Version,
	})
	refused := wantReason(t, "moving into a slot that is gone", err, dispatch.ReasonSlotUnavailable)
	if refused.Metadata["nextSlots"] == "" {
		t.Errorf("no next slots in %v", refused.Metadata)
	}
	now, err := d.GetAppointment(t.Context(), d.as(anna, "GetAppointment"), a.ID)
	if err != nil || !cmp.Equal(a, now, sameInstant) {
		t.Errorf("the appointment after the refusal: %v\n%s", err, cmp.Diff(a, now, sameInstant))
	}
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		c, found, err := tx.CommitmentOfVisit(ctx, a.Visit)
		if err != nil || !found || !a.Window.Contains(c.Span.Start) {
			t.Errorf("the technician's time is %v (found %t), %v; want it in the old window", c.Span, found, err)
		}
		return nil
	})
}

func TestRescheduleFreesTheOldSlotAtOnce(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.lastHour(t)
	anna := d.visitor()
	a := d.book(t, anna, 1)
	if got := d.search(t, d.visitor(), 1); len(got.Offers) != 0 {
		t.Fatalf("the last hour is offered although it is booked")
	}
	_, err := d.RescheduleAppointment(t.Context(), d.as(anna, "RescheduleAppointment"), booking.RescheduleCommand{
		Appointment: a.ID, SlotToken: d.offerToMove(t, anna, a.ID, 2).Token, Version: a.Version,
	})
	if err != nil {
		t.Fatal(err)
	}
	d.book(t, d.visitor(), 1)
	if n := d.doubleBookings(t); n != 0 {
		t.Errorf("%d double bookings", n)
	}
}

func TestRescheduleRefusals(t *testing.T) {
	t.Parallel()
	d := open(t)
	anna := d.visitor()
	dispatcher := d.Principal(dispatch.RoleDispatcher)
	a, other := d.book(t, anna, 1), d.book(t, anna, 2)
	offer := d.offerToMove(t, anna, a.ID, 3)
	try := func(p dispatch.Principal, in booking.RescheduleCommand) error {
		_, err := d.RescheduleAppointment(t.Context(), d.as(p, "RescheduleAppointment"), in)
		return err
	}
	good := booking.RescheduleCommand{Appointment: a.ID, SlotToken: offer.Token, Version: a.Version, Reason: "asked"}

	stale := good
	stale.Version++
	wantReason(t, "another version", try(anna, stale), dispatch.ReasonEtagMismatch)
	wrong := good
	wrong.Appointment = other.ID
	wantReason(t, "an offer for another appointment", try(anna, wrong), dispatch.ReasonInvalidRequest)
	silent := good
	silent.Reason = " "
	wantReason(t, "staff without a reason", try(dispatcher, silent), dispatch.ReasonInvalidRequest)
	wantReason(t, "another visitor", try(d.visitor(), good), dispatch.ReasonAccessDenied)

	d.SetTime(t, a.CutoffAt.Add(-time.Second))
	late := d.offerToMove(t, anna, a.ID, 3)
	d.SetTime(t, a.CutoffAt)
	good.SlotToken = late.Token
	refused := wantReason(t, "after the cut-off", try(anna, good), dispatch.ReasonCutoffPassed)
	if refused.Metadata["cutoff"] != a.CutoffAt.UTC().Format(time.RFC3339) {
		t.Errorf("cutoff in %v, want %s", refused.Metadata, a.CutoffAt)
	}
	if err := try(dispatcher, good); err != nil {
		t.Errorf("staff after the cut-off: %v", err)
	}
	promises, _, err := d.ListPromises(t.Context(), d.as(dispatcher, "ListPromises"), a.ID, dispatch.Page{Size: 1})
	if err != nil || len(promises) != 1 {
		t.Fatalf("first page: %v, %v", promises, err)
	}
	_, err = d.CancelAppointment(t.Context(), d.as(dispatcher, "CancelAppointment"), booking.CancelCommand{Appointment: a.ID, Reason: "asked"})
	if err != nil {
		t.Fatal(err)
	}
	good.Version += 2
	wantReason(t, "a cancelled appointment", try(dispatcher, good), dispatch.ReasonTerminalState)
}

func TestCancelRefusals(t *testing.T) {
	t.Parallel()
	d := open(t)
	anna := d.visitor()
	dispatcher := d.Principal(dispatch.RoleDispatcher)
	a := d.book(t, anna, 1)
	try := func(p dispatch.Principal, in booking.CancelCommand) error {
		_, err := d.CancelAppointment(t.Context(), d.as(p, "CancelAppointment"), in)
		return err
	}
	wantReason(t, "staff without a reason", try(dispatcher, booking.CancelCommand{Appointment: a.ID}), dispatch.ReasonInvalidRequest)
	wantReason(t, "another version", try(anna, booking.CancelCommand{Appointment: a.ID, Version: 7}), dispatch.ReasonEtagMismatch)
	d.SetTime(t, a.CutoffAt)
	wantReason(t, "after the cut-off", try(anna, booking.CancelCommand{Appointment: a.ID}), dispatch.ReasonCutoffPassed)
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		closed, err := tx.LockAppointment(ctx, a.ID)
		if err != nil {
			return err
		}
		closed.State = dispatch.AppointmentClosed
		return tx.SaveAppointment(ctx, closed)
	})
	wantReason(t, "after the visit", try(dispatcher, booking.CancelCommand{Appointment: a.ID, Reason: "late"}), dispatch.ReasonTerminalState)
}

// TestWhoSeesAnAppointment asks as everybody for one's own, another's and none.
func TestWhoSeesAnAppointment(t *testing.T) {
	t.Parallel()
	d := open(t)
	anna := d.visitor()
	a := d.book(t, anna, 1)
	other := d.book(t, d.visitor(), 2)
	link := dispatch.Principal{Tenant: d.Tenant.ID, Role: dispatch.RoleLink, Subject: "link:" + a.ID.String(), Appointment: a.ID}
	owner := d.Principal(dispatch.RoleCustomer)
	owner.Customer = a.Customer
	stranger := d.Principal(dispatch.RoleCustomer)
	cases := []struct {
		name          string
		who           dispatch.Principal
		own           bool
		other, absent dispatch.Reason
		listed        int
	}{
		{"the visitor who booked", anna, true, dispatch.ReasonAccessDenied, dispatch.ReasonAccessDenied, 1},
		{"another visitor", d.visitor(), false, dispatch.ReasonAccessDenied, dispatch.ReasonAccessDenied, 0},
		{"the holder of its link", link, true, dispatch.ReasonAccessDenied, dispatch.ReasonAccessDenied, 1},
		{"another customer", stranger, false, dispatch.ReasonAccessDenied, dispatch.ReasonAccessDenied, 0},
		{"a technician", d.Principal(dispatch.RoleTechnician), false, dispatch.ReasonAccessDenied, dispatch.ReasonAccessDenied, -1},
		{"a dispatcher", d.Principal(dispatch.RoleDispatcher), true, "", dispatch.ReasonResourceNotFound, 2},
	}
	for _, tc := range cases {
		get := func(id dispatch.AppointmentID) error {
			_, err := d.GetAppointment(t.Context(), d.as(tc.who, "GetAppointment"), id)
			return err
		}
		if err := get(a.ID); (err == nil) != tc.own {
			t.Errorf("%s reads it: %v", tc.name, err)
		}
		foreign, absent := get(other.ID), get(dispatch.AppointmentID{}.New())
		if dispatch.ReasonOf(foreign) != tc.other || dispatch.ReasonOf(absent) != tc.absent {
			t.Errorf("%s reads another's: %v; and none: %v", tc.name, foreign, absent)
		}
		if tc.other == tc.absent && foreign.Error() != absent.Error() {
			t.Errorf("%s can tell %q from %q", tc.name, foreign, absent)
		}
		list, _, err := d.ListAppointments(t.Context(), d.as(tc.who, "ListAppointments"), dispatch.AppointmentFilter{}, dispatch.Page{Size: 50})
		if tc.listed < 0 {
			wantReason(t, tc.name+" lists", err, dispatch.ReasonAccessDenied)
		} else if err != nil || len(list) != tc.listed {
			t.Errorf("%s lists %d, %v; want %d", tc.name, len(list), err, tc.listed)
		}
	}
	if list, _, err := d.ListAppointments(t.Context(), d.as(owner, "ListAppointments"), dispatch.AppointmentFilter{}, dispatch.Page{Size: 50}); err != nil || len(list) != 2 {
		t.Errorf("the customer lists %d, %v; want both of hers", len(list), err)
	}
}

func TestListAppointmentsByPageAndFilter(t *testing.T) {
	t.Parallel()
	d := open(t)
	anna := d.visitor()
	for day := 1; day <= 4; day++ {
		d.book(t, anna, day)
	}
	dispatcher := d.as(d.Principal(dispatch.RoleDispatcher), "ListAppointments")
	var starts []time.Time
	page := dispatch.Page{Size: 3}
	for {
		list, next, err := d.ListAppointments(t.Context(), dispatcher, dispatch.AppointmentFilter{}, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range list {
			starts = append(starts, a.Window.Start)
		}
		if next == "" {
			break
		}
		page.After = next
	}
	want := []time.Time{d.At(1, 8, 0), d.At(2, 8, 0), d.At(3, 8, 0), d.At(4, 8, 0)}
	if diff := cmp.Diff(want, starts, sameInstant); diff != "" {
		t.Errorf("two pages (-want +got):\n%s", diff)
	}
	for name, tc := range map[string]struct {
		filter dispatch.AppointmentFilter
		want   int
	}{
		"by state":    {dispatch.AppointmentFilter{State: dispatch.AppointmentCancelled}, 0},
		"by service":  {dispatch.AppointmentFilter{Service: "lamp"}, 4},
		"by start":    {dispatch.AppointmentFilter{StartsIn: dispatch.Span{Start: d.At(2, 8, 0), End: d.At(4, 8, 0)}}, 2},
		"by customer": {dispatch.AppointmentFilter{Customer: d.Customer.ID}, 0},
	} {
		list, _, err := d.ListAppointments(t.Context(), dispatcher, tc.filter, dispatch.Page{Size: 50})
		if err != nil || len(list) != tc.want {
			t.Errorf("%s: %d, %v; want %d", name, len(list), err, tc.want)
		}
	}
}

func TestOpenAppointmentLink(t *testing.T) {
	t.Parallel()
	d := open(t)
	a := d.book(t, d.visitor(), 1)
	link, err := d.LinkToken(d.Tenant.ID, a.Appointment)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := d.LinkToken(d.Tenant.ID, a.Appointment); err != nil || again != link {
		t.Errorf("the link made again differs, %v", err)
	}
	now := time.Now()
	opened, err := d.OpenAppointmentLink(t.Context(), link, now)
	if err != nil || opened.Appointment.ID != a.ID {
		t.Fatalf("opened %+v, %v", opened, err)
	}
	session, err := d.seal.OpenLinkSessionToken(opened.Session, now)
	if err != nil || session.Appointment != a.ID || session.Epoch != 1 || !session.ExpiresAt.Equal(opened.ExpiresAt) {
		t.Errorf("session %+v, %v", session, err)
	}
	invalid := func(what, token string) {
		t.Helper()
		_, err := d.OpenAppointmentLink(t.Context(), token, now)
		wantReason(t, what, err, dispatch.ReasonLinkInvalid)
	}
	invalid("not a link", "AAAA")
	invalid("a session as a link", opened.Session)
	missing := a.Appointment
	missing.ID = dispatch.AppointmentID{}.New()
	forged, _ := d.LinkToken(d.Tenant.ID, missing)
	invalid("an appointment that is not there", forged)
	twin, _ := d.LinkToken(d.Twin(t).Tenant.ID, a.Appointment)
	invalid("another company's", twin)
	d.SetTime(t, a.Window.End.AddDate(0, 0, 31))
	invalid("a month after the visit", link)
	d.SetTime(t, a.BookedAt)
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		revoked, err := tx.LockAppointment(ctx, a.ID)
		if err != nil {
			return err
		}
		revoked.LinkEpoch++
		return tx.SaveAppointment(ctx, revoked)
	})
	invalid("of an earlier epoch", link)
}

// TestALinkIsEnoughToMoveAndToCancel does what the holder of a link may.
func TestALinkIsEnoughToMoveAndToCancel(t *testing.T) {
	t.Parallel()
	d := open(t)
	a := d.book(t, d.visitor(), 1)
	link := dispatch.Principal{Tenant: d.Tenant.ID, Role: dispatch.RoleLink, Subject: "link:" + a.ID.String(), Appointment: a.ID}
	moved, err := d.RescheduleAppointment(t.Context(), d.as(link, "RescheduleAppointment"), booking.RescheduleCommand{
		Appointment: a.ID, SlotToken: d.offerToMove(t, link, a.ID, 2).Token, Version: a.Version,
	})
	if err != nil || moved.Promise != 2 {
		t.Fatalf("moved: %+v, %v", moved, err)
	}
	gone, err := d.CancelAppointment(t.Context(), d.as(link, "CancelAppointment"), booking.CancelCommand{Appointment: a.ID, Version: moved.Version})
	if err != nil || gone.State != dispatch.AppointmentCancelled {
		t.Errorf("cancelled: %+v, %v", gone, err)
	}
}

// TestTwoDispatchersMoveAtOnce: one of them decided on what is not true any more.
func TestTwoDispatchersMoveAtOnce(t *testing.T) {
	t.Parallel()
	d := open(t)
	a := d.book(t, d.visitor(), 1)
	dispatcher := d.Principal(dispatch.RoleDispatcher)
	tokens := []string{d.offerToMove(t, dispatcher, a.ID, 2).Token, d.offerToMove(t, dispatcher, a.ID, 3).Token}
	errs := together(2, func(i int) error {
		call := d.as(dispatcher, "RescheduleAppointment")
		call.RequestID = uuid.New()
		in := booking.RescheduleCommand{Appointment: a.ID, SlotToken: tokens[i], Version: a.Version, Reason: "route"}
		_, err := d.RescheduleAppointment(t.Context(), call, in)
		if dispatch.ReasonOf(err) == dispatch.ReasonTransactionConflict { // it lost before it had its locks: it may repeat
			_, err = d.RescheduleAppointment(t.Context(), call, in)
		}
		return err
	})
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Fatalf("both ended alike: %v, %v", errs[0], errs[1])
	}
	for _, err := range errs {
		if err != nil {
			wantReason(t, "the second", err, dispatch.ReasonEtagMismatch)
		}
	}
	if n := d.count(t, `SELECT count(*) FROM audit_entries WHERE method LIKE '%RescheduleAppointment'`); n != 1 {
		t.Errorf("%d audit entries, want 1", n)
	}
}
