package booking_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/booking"
)

// lastHour leaves one technician with one free hour on day 1, from 8:00 on.
func (d *desk) lastHour(t *testing.T) {
	t.Helper()
	d.only(t, 0)
	shift := d.Shifts[3]
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		for _, taken := range []dispatch.Span{{Start: d.At(1, 9, 20), End: d.At(1, 12, 0)}, {Start: d.At(1, 12, 30), End: d.At(1, 16, 0)}} {
			err := tx.CreateCommitment(ctx, dispatch.Commitment{
				ID: dispatch.CommitmentID{}.New(), Technician: shift.Technician, Shift: shift.ID,
				Kind: dispatch.CommitmentBreak, State: dispatch.CommitmentPlanned, Span: taken, Version: 1,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// together runs n calls at once and gives their errors.
func together(n int, call func(i int) error) []error {
	errs := make([]error, n)
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			errs[i] = call(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	return errs
}

func TestTheLastFreeHourIsGivenOnce(t *testing.T) {
	t.Parallel()
	const callers = 64
	d := open(t)
	d.lastHour(t)
	tokens := make([]string, callers)
	visitors := make([]dispatch.Principal, callers)
	for i := range callers {
		visitors[i] = d.visitor()
		tokens[i] = d.offer(t, visitors[i], 1).Token
	}
	holds := make([]dispatch.Hold, callers)
	errs := together(callers, func(i int) error {
		var err error
		holds[i], err = d.CreateHold(t.Context(), d.as(visitors[i], "CreateHold"), tokens[i])
		return err
	})
	winners := 0
	for i, err := range errs {
		if err != nil {
			refused := wantReason(t, fmt.Sprintf("caller %d", i), err, dispatch.ReasonSlotUnavailable)
			if refused.Metadata["nextSlots"] == "" {
				t.Errorf("caller %d was not told of other windows: %v", i, refused.Metadata)
			}
			continue
		}
		winners++
		if _, err := d.ConfirmHold(t.Context(), d.as(visitors[i], "ConfirmHold"), d.confirmation(t, holds[i], "Winner")); err != nil {
			t.Errorf("the winner could not confirm: %v", err)
		}
	}
	if twice := d.doubleBookings(t); winners != 1 || twice != 0 {
		t.Errorf("%d of %d callers won, %d double bookings; want one and none", winners, callers, twice)
	}
}

// tick lets the database's domain time run on from now.
func (d *desk) tick(t *testing.T, now time.Time) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.DB.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), fmt.Sprintf(
		`CREATE OR REPLACE FUNCTION domain_now() RETURNS timestamptz LANGUAGE sql VOLATILE
		AS $$ SELECT clock_timestamp() + (timestamptz '%s' - timestamptz '%s') $$`,
		now.UTC().Format(time.RFC3339Nano), time.Now().UTC().Format(time.RFC3339Nano)))
	if err != nil {
		t.Fatal(err)
	}
}

// TestAHoldEndsForOne races the confirmation of a hold with its end and with
// somebody who waits for the slot: one of them has it, never both, and who was
// late is told so.
func TestAHoldEndsForOne(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.lastHour(t)
	confirmed, expired := 0, 0
	// From too late for certain to early enough for certain, however slow the
	// machine; in between it is a race.
	leads := []int{0, 2, 5, 10, 15, 20, 30, 40, 60, 100, 300, 2000} // milliseconds
	for round := range 24 {
		now := d.At(0, 7, 0).Add(time.Duration(round) * 15 * time.Minute)
		d.SetTime(t, now)
		holder, rival := d.visitor(), d.visitor()
		offer := d.offer(t, rival, 1)
		hold := d.hold(t, holder, 1)
		in := d.confirmation(t, hold, "Holder")
		in.AllowDuplicate = true
		var booked dispatch.ListedAppointment
		var theirs dispatch.Hold
		// The offer lives as long as the hold; let it be a new one for the rival.
		fresh := d.refresh(t, offer, hold.ExpiresAt.Add(time.Hour))
		d.tick(t, hold.ExpiresAt.Add(-time.Duration(leads[round%len(leads)])*time.Millisecond))
		errs := together(2, func(i int) error {
			var err error
			if i == 0 {
				booked, err = d.ConfirmHold(t.Context(), d.as(holder, "ConfirmHold"), in)
			} else {
				theirs, err = d.CreateHold(t.Context(), d.as(rival, "CreateHold"), fresh)
			}
			return err
		})
		switch {
		case errs[0] == nil:
			confirmed++
			wantReason(t, "the rival after a confirmation", errs[1], dispatch.ReasonSlotUnavailable)
			d.SetTime(t, now)
			if _, err := d.CancelAppointment(t.Context(), d.as(holder, "CancelAppointment"), booking.CancelCommand{Appointment: booked.ID}); err != nil {
				t.Fatal(err)
			}
		case errs[1] == nil:
			expired++
			wantReason(t, "the holder who was late", errs[0], dispatch.ReasonHoldExpired)
			if _, err := d.ReleaseHold(t.Context(), d.as(rival, "ReleaseHold"), theirs.ID, d.token(t, theirs)); err != nil {
				t.Fatal(err)
			}
		default:
			// The rival came while the hold was alive, the holder when it was not.
			wantReason(t, "the holder who was late", errs[0], dispatch.ReasonHoldExpired)
			wantReason(t, "the rival who was early", errs[1], dispatch.ReasonSlotUnavailable)
		}
		if n := d.doubleBookings(t); n != 0 {
			t.Fatalf("round %d: %d double bookings", round, n)
		}
	}
	if confirmed == 0 || expired == 0 {
		t.Errorf("%d rounds were confirmed and %d expired: the race did not happen both ways", confirmed, expired)
	}
}

// refresh seals an offer again with another end.
func (d *desk) refresh(t *testing.T, o booking.Offer, until time.Time) string {
	t.Helper()
	var content booking.SlotOfferToken
	if err := d.seal.Open(dispatch.PurposeSlotOffer, o.Token, &content); err != nil {
		t.Fatal(err)
	}
	content.ExpiresAt = until
	token, err := d.seal.Token(dispatch.PurposeSlotOffer, content)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestRepeatedMutations sends every mutation twice in a row and fifty times at
// once with one idempotency key: one effect, one answer.
func TestRepeatedMutations(t *testing.T) {
	t.Parallel()
	d := open(t)
	type mutation struct {
		name string
		// arrange gives the call to repeat and a count of its effects.
		arrange func(p dispatch.Principal) func(call dispatch.Call) (any, error)
		effects string
	}
	mutations := []mutation{
		{"CreateHold", func(p dispatch.Principal) func(dispatch.Call) (any, error) {
			token := d.offer(t, p, 1).Token
			return func(call dispatch.Call) (any, error) { return d.CreateHold(t.Context(), call, token) }
		}, `SELECT count(*) FROM holds`},
		{"ExtendHold", func(p dispatch.Principal) func(dispatch.Call) (any, error) {
			hold := d.hold(t, p, 1)
			token := d.token(t, hold)
			return func(call dispatch.Call) (any, error) { return d.ExtendHold(t.Context(), call, hold.ID, token) }
		}, `SELECT coalesce(sum(extensions), 0) FROM holds`},
		{"ReleaseHold", func(p dispatch.Principal) func(dispatch.Call) (any, error) {
			hold := d.hold(t, p, 1)
			token := d.token(t, hold)
			return func(call dispatch.Call) (any, error) { return d.ReleaseHold(t.Context(), call, hold.ID, token) }
		}, `SELECT coalesce(sum(version), 0) FROM holds WHERE state = 'released'`},
		{"ConfirmHold", func(p dispatch.Principal) func(dispatch.Call) (any, error) {
			in := d.confirmation(t, d.hold(t, p, 2), "Repeater "+p.Subject)
			return func(call dispatch.Call) (any, error) { return d.ConfirmHold(t.Context(), call, in) }
		}, `SELECT count(*) FROM appointments`},
		{"RescheduleAppointment", func(p dispatch.Principal) func(dispatch.Call) (any, error) {
			a := d.book(t, p, 3)
			in := booking.RescheduleCommand{Appointment: a.ID, SlotToken: d.offerToMove(t, p, a.ID, 4).Token, Version: a.Version}
			return func(call dispatch.Call) (any, error) { return d.RescheduleAppointment(t.Context(), call, in) }
		}, `SELECT count(*) FROM promises WHERE ordinal > 1`},
		{"CancelAppointment", func(p dispatch.Principal) func(dispatch.Call) (any, error) {
			in := booking.CancelCommand{Appointment: d.book(t, p, 5).ID}
			return func(call dispatch.Call) (any, error) { return d.CancelAppointment(t.Context(), call, in) }
		}, `SELECT count(*) FROM notices WHERE kind = 'appointment_cancelled'`},
	}
	for _, m := range mutations {
		for _, times := range []int{2, 50} {
			p := d.visitor()
			send := m.arrange(p)
			call := d.as(p, m.name)
			before := d.count(t, m.effects)
			answers := make([]any, times)
			once := func(i int) error {
				var err error
				answers[i], err = send(call)
				return err
			}
			var errs []error
			if times == 2 {
				errs = []error{once(0), once(1)}
			} else {
				errs = together(times, once)
			}
			after := d.count(t, m.effects)
			if m.name == "ReleaseHold" {
				after-- // a released hold has version 2: made, then released
			}
			for i := range times {
				if errs[i] != nil || !cmp.Equal(answers[0], answers[i], sameInstant) {
					t.Errorf("%s, answer %d of %d: %v\n%s", m.name, i, times, errs[i], cmp.Diff(answers[0], answers[i], sameInstant))
				}
			}
			if after != before+1 {
				t.Errorf("%s sent %d times had %d effects", m.name, times, after-before)
			}
			other := call
			other.Hash[0] ^= 1
			_, err := send(other)
			wantReason(t, m.name+" with the same id and another payload", err, dispatch.ReasonRequestIDMismatch)
		}
	}
	if n := d.doubleBookings(t); n != 0 {
		t.Errorf("%d double bookings", n)
	}
}
