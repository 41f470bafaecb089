package booking_test

import (
	"context"
	"testing"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/booking"
)

func TestAnExpiredHoldFreesItsSlotWithoutASweeper(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.lastHour(t)
	slow, quick := d.visitor(), d.visitor()
	hold := d.hold(t, slow, 1)
	if got := d.search(t, quick, 1); len(got.Offers) != 0 {
		t.Fatalf("the held hour is offered again: %v", got.Offers)
	}
	d.SetTime(t, hold.ExpiresAt)
	taken := d.hold(t, quick, 1)
	_, err := d.ConfirmHold(t.Context(), d.as(slow, "ConfirmHold"), d.confirmation(t, hold, "Slow"))
	wantReason(t, "confirming after the end", err, dispatch.ReasonHoldExpired)
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		old, err := tx.GetHold(ctx, hold.ID)
		if err != nil || old.State != dispatch.HoldExpired {
			t.Errorf("the overdue hold is %s, %v; want expired", old.State, err)
		}
		return nil
	})
	if _, err := d.ConfirmHold(t.Context(), d.as(quick, "ConfirmHold"), d.confirmation(t, taken, "Quick")); err != nil {
		t.Errorf("the new holder: %v", err)
	}
}

func TestSweepHold(t *testing.T) {
	t.Parallel()
	d := open(t)
	hold := d.hold(t, d.visitor(), 1)
	state := func() dispatch.HoldState {
		var out dispatch.HoldState
		d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
			h, err := tx.GetHold(ctx, hold.ID)
			out = h.State
			return err
		})
		return out
	}
	for _, step := range []struct {
		at   time.Time
		want dispatch.HoldState
	}{
		{hold.ExpiresAt.Add(-time.Microsecond), dispatch.HoldHeld},
		{hold.ExpiresAt, dispatch.HoldExpired},
		{hold.ExpiresAt.Add(time.Hour), dispatch.HoldExpired},
	} {
		d.SetTime(t, step.at)
		if err := d.SweepHold(t.Context(), d.Tenant.ID, hold.ID); err != nil || state() != step.want {
			t.Errorf("swept at %s: %s, %v; want %s", step.at, state(), err, step.want)
		}
	}
	if n := d.count(t, `SELECT count(*) FROM commitments WHERE kind = 'hold' AND state <> 'released'`); n != 0 {
		t.Errorf("%d commitments of the swept hold are left", n)
	}
}

func TestExtendHold(t *testing.T) {
	t.Parallel()
	d := open(t)
	anna := d.visitor()
	hold := d.hold(t, anna, 1)
	token := d.token(t, hold)
	extend := func() (dispatch.Hold, error) {
		return d.ExtendHold(t.Context(), d.as(anna, "ExtendHold"), hold.ID, token)
	}
	for n := 1; n <= 3; n++ {
		d.SetTime(t, d.At(0, 7, 5*n))
		got, err := extend()
		if err != nil || got.Extensions != n || !got.ExpiresAt.Equal(d.At(0, 7, 5*n+10)) {
			t.Errorf("extension %d: until %s, %v", n, got.ExpiresAt, err)
		}
	}
	_, err := extend()
	wantReason(t, "the fourth extension", err, dispatch.ReasonHoldExtensionLimit)
	d.SetTime(t, d.At(0, 7, 25))
	_, err = extend()
	wantReason(t, "at its end", err, dispatch.ReasonHoldExpired)
}

func TestReleaseHold(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.lastHour(t)
	anna := d.visitor()
	hold := d.hold(t, anna, 1)
	for range 2 { // the second is answered as it is
		got, err := d.ReleaseHold(t.Context(), d.as(anna, "ReleaseHold"), hold.ID, d.token(t, hold))
		if err != nil || got.State != dispatch.HoldReleased {
			t.Errorf("released: %s, %v", got.State, err)
		}
	}
	_, err := d.ConfirmHold(t.Context(), d.as(anna, "ConfirmHold"), d.confirmation(t, hold, "Anna"))
	wantReason(t, "confirming a released hold", err, dispatch.ReasonTerminalState)
	if got := d.search(t, d.visitor(), 1); len(got.Offers) != 1 {
		t.Errorf("the released hour is not offered again: %v", got.NoOffer)
	}
}

func TestHoldRefusals(t *testing.T) {
	t.Parallel()
	d := open(t)
	anna, eve := d.visitor(), d.visitor()
	offer := d.offer(t, anna, 1)
	hold := d.hold(t, anna, 1)
	a := d.book(t, anna, 2)

	altered := []byte(offer.Token)
	altered[len(altered)/2] ^= 1
	_, err := d.CreateHold(t.Context(), d.as(anna, "CreateHold"), string(altered))
	refused := wantReason(t, "a token with one bit altered", err, dispatch.ReasonTokenTampered)
	if len(refused.Fields) != 1 || refused.Fields[0].Field != "slot_token" {
		t.Errorf("fields %v, want slot_token", refused.Fields)
	}
	twin := d.Twin(t)
	stranger := d.as(anna, "CreateHold")
	stranger.Principal.Tenant = twin.Tenant.ID
	_, err = d.CreateHold(t.Context(), stranger, offer.Token)
	wantReason(t, "an offer of another company", err, dispatch.ReasonTokenTampered)
	_, err = d.CreateHold(t.Context(), d.as(anna, "CreateHold"), d.token(t, hold))
	wantReason(t, "a token for something else", err, dispatch.ReasonTokenTampered)
	_, err = d.CreateHold(t.Context(), d.as(anna, "CreateHold"), d.offerToMove(t, anna, a.ID, 3).Token)
	wantReason(t, "an offer that moves an appointment", err, dispatch.ReasonInvalidRequest)

	for name, use := range map[string]func(p dispatch.Principal, token string) error{
		"extend": func(p dispatch.Principal, token string) error {
			_, err := d.ExtendHold(t.Context(), d.as(p, "ExtendHold"), hold.ID, token)
			return err
		},
		"release": func(p dispatch.Principal, token string) error {
			_, err := d.ReleaseHold(t.Context(), d.as(p, "ReleaseHold"), hold.ID, token)
			return err
		},
		"confirm": func(p dispatch.Principal, token string) error {
			in := d.confirmation(t, hold, "Eve")
			in.Token = token
			_, err := d.ConfirmHold(t.Context(), d.as(p, "ConfirmHold"), in)
			return err
		},
	} {
		own := d.hold(t, eve, 1)
		wantReason(t, name+" with one's own token", use(eve, d.token(t, own)), dispatch.ReasonAccessDenied)
		wantReason(t, name+" with the holder's token", use(eve, d.token(t, hold)), dispatch.ReasonAccessDenied)
		wantReason(t, name+" with an offer's token", use(eve, offer.Token), dispatch.ReasonTokenTampered)
		if _, err := d.ReleaseHold(t.Context(), d.as(eve, "ReleaseHold"), own.ID, d.token(t, own)); err != nil {
			t.Fatal(err)
		}
	}

	d.SetTime(t, offer.ExpiresAt)
	_, err = d.CreateHold(t.Context(), d.as(anna, "CreateHold"), offer.Token)
	wantReason(t, "an offer ten minutes old", err, dispatch.ReasonSlotTokenExpired)
}

func TestHoldLimit(t *testing.T) {
	t.Parallel()
	d := open(t)
	hoarder := d.visitor()
	token := d.offer(t, hoarder, 3).Token
	errs := together(12, func(int) error {
		_, err := d.CreateHold(t.Context(), d.as(hoarder, "CreateHold"), token)
		return err
	})
	held := 0
	for _, err := range errs {
		if err == nil {
			held++
			continue
		}
		wantReason(t, "a hold too many", err, dispatch.ReasonHoldLimit)
	}
	if held != 3 {
		t.Errorf("%d holds at once, want 3", held)
	}
	if _, err := d.CreateHold(t.Context(), d.as(d.visitor(), "CreateHold"), token); err != nil {
		t.Errorf("another visitor: %v", err)
	}
}

// TestInsertionMovesNeighboursWithinTheirWindows books a day until it is full
// and checks after each booking that everybody still comes when promised.
func TestInsertionMovesNeighboursWithinTheirWindows(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.only(t, 0)
	booked := 0
	for i := range 20 {
		p := d.visitor()
		got, err := d.SearchSlotOffers(t.Context(), d.as(p, "SearchSlotOffers"), booking.SearchCommand{
			Place: d.place((i*7)%20 - 10), Service: d.Service.ID, From: d.day(1), Until: d.day(2),
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Offers) == 0 {
			break
		}
		hold, err := d.CreateHold(t.Context(), d.as(p, "CreateHold"), got.Offers[len(got.Offers)-1].Token)
		if err != nil {
			t.Fatalf("booking %d: %v", i, err)
		}
		in := d.confirmation(t, hold, "Neighbour")
		in.AllowDuplicate = true
		if _, err := d.ConfirmHold(t.Context(), d.as(p, "ConfirmHold"), in); err != nil {
			t.Fatalf("booking %d: %v", i, err)
		}
		booked++
		if late := d.count(t, `SELECT count(*) FROM commitments c JOIN visits v ON v.id = c.visit_id JOIN appointments a ON a.id = v.appointment_id
			WHERE c.state = 'planned' AND NOT (c.starts_at >= a.window_start AND c.starts_at < a.window_end)`); late != 0 {
			t.Errorf("after booking %d: %d visits are planned outside their windows", i, late)
		}
	}
	if booked < 4 || d.doubleBookings(t) != 0 {
		t.Errorf("%d bookings fitted into an eight-hour day, %d double", booked, d.doubleBookings(t))
	}
}
