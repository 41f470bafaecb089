package booking_test

import (
	"context"
	"testing"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/booking"
)

func TestLookAtAppointment(t *testing.T) {
	t.Parallel()
	d := open(t)
	anna := d.visitor()
	a := d.book(t, anna, 3)
	workflow := dispatch.WatchAppointment(d.Tenant.ID, a.ID).Workflow
	reminders := func() int {
		return d.count(t, `SELECT count(*) FROM deliveries WHERE template = 'reminder' AND channel = 'mail'`)
	}
	outcome := func() dispatch.PromiseOutcome {
		all, _, err := d.ListPromises(t.Context(), d.as(anna, "ListPromises"), a.ID, dispatch.Page{Size: 9})
		if err != nil {
			t.Fatal(err)
		}
		return all[len(all)-1].Outcome
	}
	dayBefore, over := a.Window.Start.Add(-24*time.Hour), a.Window.End.Add(2*time.Hour)
	for _, step := range []struct {
		name      string
		at        time.Time
		wake      time.Time // zero: done
		reminders int
		outcome   dispatch.PromiseOutcome
	}{
		{"just booked", a.BookedAt, dayBefore, 0, dispatch.PromiseOpen},
		{"a second before the reminder", dayBefore.Add(-time.Second), dayBefore, 0, dispatch.PromiseOpen},
		{"the day before", dayBefore, over, 1, dispatch.PromiseOpen},
		{"woken again", dayBefore.Add(time.Hour), over, 1, dispatch.PromiseOpen},
		{"in the window", a.Window.Start, over, 1, dispatch.PromiseOpen},
		{"nobody came", over, time.Time{}, 1, dispatch.PromiseMissed},
		{"woken after the end", over.Add(time.Hour), time.Time{}, 1, dispatch.PromiseMissed},
	} {
		d.SetTime(t, step.at)
		look, err := d.LookAtAppointment(t.Context(), d.Tenant.ID, a.ID, workflow)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if look.Done != step.wake.IsZero() || (!look.Done && look.Wait != step.wake.Sub(step.at)) {
			t.Errorf("%s: %+v, want to wake at %s", step.name, look, step.wake)
		}
		if n := reminders(); n != step.reminders || outcome() != step.outcome {
			t.Errorf("%s: %d reminders and %s, want %d and %s", step.name, n, outcome(), step.reminders, step.outcome)
		}
	}
}

func TestLookAtAnAppointmentThatChanged(t *testing.T) {
	t.Parallel()
	d := open(t)
	anna := d.visitor()
	a := d.book(t, anna, 3)
	look := func() dispatch.Look {
		t.Helper()
		got, err := d.LookAtAppointment(t.Context(), d.Tenant.ID, a.ID, dispatch.WatchAppointment(d.Tenant.ID, a.ID).Workflow)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	look()
	_, err := d.RescheduleAppointment(t.Context(), d.as(anna, "RescheduleAppointment"), booking.RescheduleCommand{
		Appointment: a.ID, SlotToken: d.offerToMove(t, anna, a.ID, 5).Token, Version: a.Version,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := look(); got.Wait != d.At(4, 8, 0).Sub(a.BookedAt) {
		t.Errorf("after the move it waits %s, want until the new day before", got.Wait)
	}
	if _, err := d.CancelAppointment(t.Context(), d.as(anna, "CancelAppointment"), booking.CancelCommand{Appointment: a.ID}); err != nil {
		t.Fatal(err)
	}
	if got := look(); !got.Done {
		t.Errorf("after the cancellation it still waits: %+v", got)
	}
	if n := d.count(t, `SELECT count(*) FROM wakeups`); n != 0 {
		t.Errorf("%d wakeups are left", n)
	}
}

// TestABookingOnTheDayItselfIsNotReminded: who booked an hour ago knows.
func TestABookingOnTheDayItselfIsNotReminded(t *testing.T) {
	t.Parallel()
	d := open(t)
	a := d.book(t, d.visitor(), 0)
	if _, err := d.LookAtAppointment(t.Context(), d.Tenant.ID, a.ID, "w"); err != nil {
		t.Fatal(err)
	}
	if n := d.count(t, `SELECT count(*) FROM deliveries WHERE template = 'reminder'`); n != 0 {
		t.Errorf("%d reminders of an appointment that is an hour away", n)
	}
}

// TestTheDayBeforeAsksForAPlanWhenNobodyIsComing takes the visit out of the plan.
func TestTheDayBeforeAsksForAPlanWhenNobodyIsComing(t *testing.T) {
	t.Parallel()
	d := open(t)
	a := d.book(t, d.visitor(), 3)
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		c, _, err := tx.CommitmentOfVisit(ctx, a.Visit)
		if err != nil {
			return err
		}
		c.State = dispatch.CommitmentReleased
		if err := tx.SaveCommitment(ctx, c); err != nil {
			return err
		}
		v, err := tx.LockVisit(ctx, a.Visit)
		if err != nil {
			return err
		}
		v.State = dispatch.VisitUnassigned
		return tx.SaveVisit(ctx, v)
	})
	d.SetTime(t, a.Window.Start.Add(-24*time.Hour))
	if _, err := d.LookAtAppointment(t.Context(), d.Tenant.ID, a.ID, "w"); err != nil {
		t.Fatal(err)
	}
	if n := d.count(t, `SELECT count(*) FROM notices WHERE kind = 'day_changed' AND subject = $1 AND version = 2 AND payload->>'date' = '2024-06-06'`, a.Visit.Name()); n != 1 {
		t.Errorf("%d notices ask for the day to be planned, want 1", n)
	}
}
