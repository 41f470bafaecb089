package booking_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/booking"
)

// crowded is a desk with one free hour on day 1, which somebody has booked, at nine in
// the morning of day 0.
func crowded(t *testing.T) (*desk, dispatch.ListedAppointment) {
	t.Helper()
	d := open(t)
	d.lastHour(t)
	d.SetTime(t, d.At(0, 9, 0))
	return d, d.book(t, d.visitor(), 1)
}

// waits puts somebody new on the list for day 1.
func (d *desk) waits(t *testing.T, name string) dispatch.WaitlistEntry {
	t.Helper()
	e, err := d.JoinWaitlist(t.Context(), d.as(d.visitor(), "JoinWaitlist"), d.wish(name))
	if err != nil {
		t.Fatalf("%s joins: %v", name, err)
	}
	return e
}

func (d *desk) wish(name string) booking.JoinCommand {
	return booking.JoinCommand{
		Place: d.place(0), Service: d.Service.ID, Tier: booking.TierRef{Service: d.Service.ID, Tier: d.Tier.ID}, From: d.day(1), Until: d.day(2),
		Details: &booking.CustomerDetails{DisplayName: name, Email: "someone@example.org"}, Issue: "it is dark",
	}
}

// waitsForEarlier puts an appointment on the list for an earlier window.
func (d *desk) waitsForEarlier(t *testing.T, a dispatch.ListedAppointment) dispatch.WaitlistEntry {
	t.Helper()
	e, err := d.JoinWaitlist(t.Context(), d.Call(dispatch.RoleDispatcher, "JoinWaitlist"), booking.JoinCommand{Appointment: a.ID, From: d.day(0), Until: d.day(9)})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (d *desk) callOff(t *testing.T, a dispatch.ListedAppointment) {
	t.Helper()
	in := booking.CancelCommand{Appointment: a.ID, Reason: "no need any more"}
	if _, err := d.CancelAppointment(t.Context(), d.Call(dispatch.RoleDispatcher, "CancelAppointment"), in); err != nil {
		t.Fatal(err)
	}
}

// look goes through the list and gives how long it wants to sleep, 0 for ever.
func (d *desk) look(t *testing.T) time.Duration {
	t.Helper()
	look, err := d.LookAtWaitlist(t.Context(), d.Tenant.ID, d.Area.ID)
	if err != nil {
		t.Fatalf("look: %v", err)
	}
	if look.Done {
		return 0
	}
	return look.Wait
}

func (d *desk) entry(t *testing.T, id dispatch.WaitlistEntryID) dispatch.WaitlistEntry {
	t.Helper()
	e, err := d.GetWaitlistEntry(t.Context(), d.Call(dispatch.RoleDispatcher, "GetWaitlistEntry"), id)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// stand is where the entries stand.
func (d *desk) stand(t *testing.T, entries ...dispatch.WaitlistEntry) []dispatch.WaitlistState {
	t.Helper()
	var out []dispatch.WaitlistState
	for _, e := range entries {
		out = append(out, d.entry(t, e.ID).State)
	}
	return out
}

func (d *desk) wantStand(t *testing.T, when string, want []dispatch.WaitlistState, entries ...dispatch.WaitlistEntry) {
	t.Helper()
	if diff := cmp.Diff(want, d.stand(t, entries...)); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", when, diff)
	}
}

// says answers the offer that an entry has, through its link.
func (d *desk) says(t *testing.T, id dispatch.WaitlistEntryID, answer booking.WaitlistAnswer) (dispatch.WaitlistEntry, error) {
	t.Helper()
	token, err := d.WaitlistToken(d.Tenant.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	read, err := d.OpenWaitlistLink(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	ordinal := 0
	if read.Offer != nil {
		ordinal = read.Offer.Ordinal
	}
	return d.AnswerWaitlistLink(t.Context(), d.as(dispatch.Principal{}, "AnswerWaitlistLink"), token, ordinal, answer)
}

const (
	waiting, offered = dispatch.WaitlistWaiting, dispatch.WaitlistOffered
	taken, left      = dispatch.WaitlistTaken, dispatch.WaitlistLeft
	ended            = dispatch.WaitlistEnded
)

// TestAFreedWindowIsOfferedToOneAfterTheOther: the first declines, the second does not
// answer, the third takes it.
func TestAFreedWindowIsOfferedToOneAfterTheOther(t *testing.T) {
	t.Parallel()
	d, booked := crowded(t)
	anna, ben, cleo := d.waits(t, "Anna"), d.waits(t, "Ben"), d.waits(t, "Cleo")
	if got := d.look(t); got != 30*time.Minute {
		t.Errorf("with nothing to offer it sleeps %s, want half an hour", got)
	}
	d.wantStand(t, "while all is taken", []dispatch.WaitlistState{waiting, waiting, waiting}, anna, ben, cleo)
	d.callOff(t, booked)
	d.look(t)
	d.wantStand(t, "freed", []dispatch.WaitlistState{offered, waiting, waiting}, anna, ben, cleo)
	if o := d.entry(t, anna.ID).Offer; !o.Window.Start.Equal(d.At(1, 8, 0)) || !o.ExpiresAt.Equal(d.At(0, 9, 30)) || o.Price.Minor != 4900 {
		t.Errorf("the offer is %+v", o)
	}
	if got := d.search(t, d.visitor(), 1); len(got.Offers) != 0 {
		t.Errorf("the window is offered to others too: %v", got.Offers)
	}
	_, err := d.AnswerWaitlist(t.Context(), d.Call(dispatch.RoleDispatcher, "AnswerWaitlist"), anna.ID, 2, booking.WaitlistAccept)
	wantReason(t, "an answer to another offer", err, dispatch.ReasonEtagMismatch)
	if _, err := d.says(t, anna.ID, booking.WaitlistDecline); err != nil {
		t.Fatal(err)
	}
	d.look(t)
	d.wantStand(t, "declined", []dispatch.WaitlistState{waiting, offered, waiting}, anna, ben, cleo)
	if got := d.look(t); got != 30*time.Minute {
		t.Errorf("with an offer it sleeps %s, want until that lapses", got)
	}
	d.SetTime(t, d.At(0, 9, 30))
	_, err = d.says(t, ben.ID, booking.WaitlistAccept)
	wantReason(t, "an answer that comes too late", err, dispatch.ReasonHoldExpired)
	d.look(t)
	d.wantStand(t, "lapsed", []dispatch.WaitlistState{waiting, waiting, offered}, anna, ben, cleo)
	_, err = d.says(t, ben.ID, booking.WaitlistAccept)
	wantReason(t, "an answer to what another has", err, dispatch.ReasonHoldExpired)
	got, err := d.says(t, cleo.ID, booking.WaitlistAccept)
	if err != nil || got.State != taken || got.Appointment.IsZero() {
		t.Fatalf("accepted: %+v, %v", got, err)
	}
	d.look(t)
	d.wantStand(t, "taken", []dispatch.WaitlistState{waiting, waiting, taken}, anna, ben, cleo)
	a, err := d.GetAppointment(t.Context(), d.Call(dispatch.RoleDispatcher, "GetAppointment"), got.Appointment)
	if err != nil || !a.Window.Start.Equal(d.At(1, 8, 0)) || a.State != dispatch.AppointmentConfirmed || a.Price.Minor != 4900 {
		t.Errorf("the appointment is %+v, %v", a, err)
	}
	if n := d.doubleBookings(t); n != 0 {
		t.Errorf("%d double bookings", n)
	}
	if n := d.count(t, `SELECT count(*) FROM deliveries WHERE template = 'slot_free'`); n != 6 {
		t.Errorf("%d messages offer a window, want one per offer and channel, 6", n)
	}
}

// TestAnEarlierWindow is taken in one step: until then the appointment keeps its own,
// and what it leaves is offered to who waits for that.
func TestAnEarlierWindow(t *testing.T) {
	t.Parallel()
	d, booked := crowded(t)
	later := d.book(t, d.visitor(), 3)
	early := d.waitsForEarlier(t, later)
	d.callOff(t, booked)
	d.look(t)
	// Day 0 is free in the afternoon: the soonest is offered, and declined.
	if o := d.entry(t, early.ID).Offer; !o.Window.Start.Equal(d.At(0, 10, 0)) && !o.Window.Start.Equal(d.At(0, 13, 0)) {
		t.Fatalf("offered %s, want a window of today", o.Window.Start)
	}
	for range 9 {
		e := d.entry(t, early.ID)
		if e.Offer.Window.Start.Equal(d.At(1, 8, 0)) {
			break
		}
		if _, err := d.says(t, early.ID, booking.WaitlistDecline); err != nil {
			t.Fatal(err)
		}
		d.look(t)
	}
	kept, err := d.GetAppointment(t.Context(), d.Call(dispatch.RoleDispatcher, "GetAppointment"), later.ID)
	if err != nil || !kept.Window.Start.Equal(later.Window.Start) {
		t.Fatalf("while it waits it has %s, %v; want its own window", kept.Window.Start, err)
	}
	got, err := d.says(t, early.ID, booking.WaitlistAccept)
	if err != nil || got.State != taken || got.Appointment != later.ID {
		t.Fatalf("accepted: %+v, %v", got, err)
	}
	moved, err := d.GetAppointment(t.Context(), d.Call(dispatch.RoleDispatcher, "GetAppointment"), later.ID)
	if err != nil || !moved.Window.Start.Equal(d.At(1, 8, 0)) || moved.Price != later.Price {
		t.Errorf("it has %s for %d, %v", moved.Window.Start, moved.Price.Minor, err)
	}
	promises, _, err := d.ListPromises(t.Context(), d.Call(dispatch.RoleDispatcher, "ListPromises"), later.ID, dispatch.Page{Size: 9})
	if err != nil || len(promises) != 2 || promises[0].Outcome != dispatch.PromiseSuperseded || promises[1].Reason != "took an earlier window from the waiting list" {
		t.Errorf("the ledger says %+v, %v", promises, err)
	}
	if n := d.doubleBookings(t); n != 0 {
		t.Errorf("%d double bookings", n)
	}
	if n := d.count(t, `SELECT count(*) FROM commitments WHERE kind = 'hold' AND state <> 'released'`); n != 0 {
		t.Errorf("%d commitments of holds are left", n)
	}
	if n := d.count(t, `SELECT count(*) FROM commitments WHERE kind = 'visit' AND state = 'planned'`); n != 1 {
		t.Errorf("%d visits are planned, want the one that moved", n)
	}
}

// TestOnlyEarlierWindowsAreOffered to who has one: when all that are earlier are
// declined nothing more comes, although there is room afterwards.
func TestOnlyEarlierWindowsAreOffered(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.only(t, 0)
	d.SetTime(t, d.At(0, 9, 30))
	later := d.book(t, d.visitor(), 1) // 8:00
	e := d.waitsForEarlier(t, later)
	var got []string
	for range 9 {
		d.look(t)
		offer := d.entry(t, e.ID).Offer
		if d.entry(t, e.ID).State != offered {
			break
		}
		got = append(got, offer.Window.Start.In(d.Zone).Format("Mon 15:04"))
		if _, err := d.says(t, e.ID, booking.WaitlistDecline); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"Mon 13:00"}, got); diff != "" {
		t.Errorf("offered (-want +got):\n%s", diff)
	}
}

// TestAWindowIsKeptNoLongerThanItCanBe: until the answer is due, but not into the
// window; and who has one already is too late afterwards as well.
func TestAWindowIsKeptNoLongerThanItCanBe(t *testing.T) {
	t.Parallel()
	d, booked := crowded(t)
	d.changeArea(t, func(a *dispatch.PlanningArea) { a.AnswerTime = 24 * time.Hour })
	later := d.book(t, d.visitor(), 3)
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error { return tx.DeleteShift(ctx, d.Shifts[0].ID) })
	e := d.waitsForEarlier(t, later)
	d.callOff(t, booked)
	d.look(t)
	if o := d.entry(t, e.ID).Offer; !o.Window.Start.Equal(d.At(1, 8, 0)) || !o.ExpiresAt.Equal(d.At(1, 8, 0)) {
		t.Fatalf("the window from %s is kept until %s, want until its start", o.Window.Start, o.ExpiresAt)
	}
	d.SetTime(t, d.At(1, 8, 0))
	_, err := d.says(t, e.ID, booking.WaitlistAccept)
	wantReason(t, "accepting when it has begun", err, dispatch.ReasonHoldExpired)
}

func TestAListByValueAsksWhoPaysMostFirst(t *testing.T) {
	t.Parallel()
	d, booked := crowded(t)
	d.addTier(t, dispatch.Tier{ID: "priority", DisplayName: "Priority", Price: dispatch.Money{Minor: 9900, Currency: "USD"}})
	d.changeArea(t, func(a *dispatch.PlanningArea) {
		a.WaitlistOrder, a.AnswerTime = dispatch.WaitlistByPrice, 5*time.Minute
	})
	first, second := d.waits(t, "Anna"), d.waits(t, "Ben")
	wish := d.wish("Cleo")
	wish.Tier.Tier = "priority"
	payer, err := d.JoinWaitlist(t.Context(), d.as(d.visitor(), "JoinWaitlist"), wish)
	if err != nil {
		t.Fatal(err)
	}
	d.callOff(t, booked)
	for minute, want := range [][]dispatch.WaitlistState{{waiting, waiting, offered}, {offered, waiting, waiting}, {waiting, offered, waiting}} {
		d.SetTime(t, d.At(0, 9, 5*minute))
		d.look(t)
		d.wantStand(t, "in turn", want, first, second, payer)
	}
}

// TestNobodyIsAskedAtNight: what becomes free then is offered in the morning.
func TestNobodyIsAskedAtNight(t *testing.T) {
	t.Parallel()
	d, booked := crowded(t)
	anna := d.waits(t, "Anna")
	d.callOff(t, booked)
	d.SetTime(t, d.At(0, 21, 0))
	if got := d.look(t); got != 11*time.Hour {
		t.Errorf("at nine in the evening it sleeps %s, want until eight", got)
	}
	d.wantStand(t, "in the evening", []dispatch.WaitlistState{waiting}, anna)
	d.SetTime(t, d.At(0, 20, 59))
	d.look(t)
	d.wantStand(t, "a minute before", []dispatch.WaitlistState{offered}, anna)
}

// TestAnEntryEnds for each of the reasons there are, and gives back what is kept for
// it; the list rests when nobody is left.
func TestAnEntryEnds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		end  func(t *testing.T, d *desk, booked dispatch.ListedAppointment, e dispatch.WaitlistEntry)
		want dispatch.WaitlistState
	}{
		{"its days are over", func(t *testing.T, d *desk, _ dispatch.ListedAppointment, _ dispatch.WaitlistEntry) {
			t.Helper()
			d.SetTime(t, d.At(2, 0, 0))
		}, ended},
		{"it leaves before an offer", func(t *testing.T, d *desk, _ dispatch.ListedAppointment, e dispatch.WaitlistEntry) {
			t.Helper()
			if _, err := d.says(t, e.ID, booking.WaitlistLeave); err != nil {
				t.Fatal(err)
			}
		}, left},
		{"it leaves with an offer", func(t *testing.T, d *desk, booked dispatch.ListedAppointment, e dispatch.WaitlistEntry) {
			t.Helper()
			d.callOff(t, booked)
			d.look(t)
			if _, err := d.says(t, e.ID, booking.WaitlistLeave); err != nil {
				t.Fatal(err)
			}
		}, left},
		{"its service is not sold any more", func(t *testing.T, d *desk, _ dispatch.ListedAppointment, _ dispatch.WaitlistEntry) {
			t.Helper()
			d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
				s, err := tx.GetService(ctx, d.Service.ID)
				s.Retired = true
				return cmpOr(err, func() error { return tx.SaveService(ctx, s) })
			})
		}, ended},
		{"its work found a window elsewhere", func(t *testing.T, d *desk, _ dispatch.ListedAppointment, e dispatch.WaitlistEntry) {
			t.Helper()
			staff := d.Principal(dispatch.RoleDispatcher)
			found, err := d.SearchSlotOffers(t.Context(), d.as(staff, "SearchSlotOffers"), booking.SearchCommand{WorkOrder: e.WorkOrder, From: d.day(3), Until: d.day(4)})
			if err != nil {
				t.Fatal(err)
			}
			hold, err := d.CreateHold(t.Context(), d.as(staff, "CreateHold"), found.Offers[0].Token)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.ConfirmHold(t.Context(), d.as(staff, "ConfirmHold"), booking.ConfirmCommand{Hold: hold.ID, Token: d.token(t, hold)}); err != nil {
				t.Fatal(err)
			}
		}, ended},
		{"nobody answers three times", func(t *testing.T, d *desk, booked dispatch.ListedAppointment, e dispatch.WaitlistEntry) {
			t.Helper()
			d.callOff(t, booked)
			d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
				is, err := tx.GetWaitlistEntry(ctx, e.ID)
				is.Lapses = dispatch.MaxLapses - 1
				return cmpOr(err, func() error { return tx.SaveWaitlistEntry(ctx, is) })
			})
			d.look(t)
			d.wantStand(t, "the third time", []dispatch.WaitlistState{offered}, e)
			d.SetTime(t, d.At(0, 9, 30))
		}, ended},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d, booked := crowded(t)
			e := d.waits(t, "Anna")
			tc.end(t, d, booked, e)
			if got := d.look(t); got != 0 {
				t.Errorf("the list sleeps %s, want rest: nobody waits", got)
			}
			d.wantStand(t, tc.name, []dispatch.WaitlistState{tc.want}, e)
			if n := d.count(t, `SELECT count(*) FROM commitments WHERE kind = 'hold' AND state <> 'released'`); n != 0 {
				t.Errorf("%d commitments of holds are left", n)
			}
			if _, err := d.says(t, e.ID, booking.WaitlistLeave); dispatch.ReasonOf(err) != dispatch.ReasonTerminalState {
				t.Errorf("an answer afterwards: %v", err)
			}
		})
	}
}

func cmpOr(err error, then func() error) error {
	if err != nil {
		return err
	}
	return then()
}

// TestAFreedWindowIsOfferedOnce however many workers look at the same time, and is
// either taken or lapses if both come together.
func TestAFreedWindowIsOfferedOnce(t *testing.T) {
	t.Parallel()
	d, booked := crowded(t)
	var entries []dispatch.WaitlistEntry
	for _, name := range []string{"Anna", "Ben", "Cleo", "Dan"} {
		entries = append(entries, d.waits(t, name))
	}
	d.callOff(t, booked)
	for _, err := range together(8, func(int) error {
		_, err := d.LookAtWaitlist(t.Context(), d.Tenant.ID, d.Area.ID)
		return err
	}) {
		if err != nil {
			t.Errorf("look: %v", err)
		}
	}
	if got := d.stand(t, entries...); got[0] != offered || slices.Contains(got[1:], offered) {
		t.Fatalf("after eight looks at once: %v, want one offer, to the first", got)
	}
	token, err := d.WaitlistToken(d.Tenant.ID, entries[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	answers := together(6, func(i int) error {
		answer := booking.WaitlistAccept
		if i%2 == 1 {
			answer = booking.WaitlistDecline
		}
		_, err := d.AnswerWaitlistLink(t.Context(), d.as(dispatch.Principal{}, "AnswerWaitlistLink"), token, 1, answer)
		return err
	})
	won := 0
	for _, err := range answers {
		if err == nil {
			won++
		} else if dispatch.ReasonOf(err) == dispatch.ReasonInternal {
			t.Errorf("an answer that lost: %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d of six contrary answers won, want one: %v", won, answers)
	}
	if n := d.doubleBookings(t); n != 0 {
		t.Errorf("%d double bookings", n)
	}
	if n := d.count(t, `SELECT count(*) FROM waitlist_offers WHERE outcome = 'open'`); n != 0 {
		t.Errorf("%d offers are open after an answer", n)
	}
}

func TestWhoMayJoinTheList(t *testing.T) {
	t.Parallel()
	d, booked := crowded(t)
	d.waits(t, "Anna")
	staff, visitor := d.Principal(dispatch.RoleDispatcher), d.visitor()
	for _, tc := range []struct {
		name   string
		who    dispatch.Principal
		change func(*booking.JoinCommand)
		want   dispatch.Reason
	}{
		{"out of the area", visitor, func(in *booking.JoinCommand) { in.Place.Location.Longitude = 10 }, dispatch.ReasonOutOfArea},
		{"the same again", visitor, func(in *booking.JoinCommand) { in.Details.DisplayName = "anna" }, dispatch.ReasonResourceExists},
		{"without a level", visitor, func(in *booking.JoinCommand) { in.Tier = booking.TierRef{}; in.Service = "two" }, dispatch.ReasonResourceNotFound},
		{"without a name", visitor, func(in *booking.JoinCommand) { in.Details = nil }, dispatch.ReasonInvalidRequest},
		{"with a mail that is none", visitor, func(in *booking.JoinCommand) { in.Details.Email = "a@b@c" }, dispatch.ReasonInvalidRequest},
		{"for days that are over", visitor, func(in *booking.JoinCommand) { in.From, in.Until = d.day(-3), d.day(0) }, dispatch.ReasonInvalidRequest},
		{"for days the wrong way round", visitor, func(in *booking.JoinCommand) { in.Until = in.From }, dispatch.ReasonRangeInverted},
		{"for a year", visitor, func(in *booking.JoinCommand) { in.Until = d.day(365) }, dispatch.ReasonRangeTooLong},
		{"a work order with a window", staff, func(in *booking.JoinCommand) { in.Place, in.WorkOrder = nil, booked.WorkOrder }, dispatch.ReasonMoveNotAllowed},
		{"another's appointment", visitor, func(in *booking.JoinCommand) { in.Place, in.Appointment = nil, booked.ID }, dispatch.ReasonAccessDenied},
		{"days after its window", staff, func(in *booking.JoinCommand) {
			in.Place, in.Appointment, in.From, in.Until = nil, booked.ID, d.day(2), d.day(4)
		}, dispatch.ReasonInvalidRequest},
	} {
		in := d.wish("Eve")
		tc.change(&in)
		_, err := d.JoinWaitlist(t.Context(), d.as(tc.who, "JoinWaitlist"), in)
		wantReason(t, tc.name, err, tc.want)
	}
	early := d.waitsForEarlier(t, booked)
	_, err := d.JoinWaitlist(t.Context(), d.as(staff, "JoinWaitlist"), booking.JoinCommand{Appointment: booked.ID, From: d.day(0), Until: d.day(2)})
	wantReason(t, "the same appointment again", err, dispatch.ReasonResourceExists)
	_, err = d.GetWaitlistEntry(t.Context(), d.as(d.visitor(), "GetWaitlistEntry"), early.ID)
	wantReason(t, "a stranger reads it", err, dispatch.ReasonAccessDenied)
	_, err = d.AnswerWaitlist(t.Context(), d.as(d.visitor(), "AnswerWaitlist"), early.ID, 0, booking.WaitlistLeave)
	wantReason(t, "a stranger calls it off", err, dispatch.ReasonAccessDenied)
	link, err := d.LinkToken(d.Tenant.ID, booked.Appointment)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.OpenWaitlistLink(t.Context(), link)
	wantReason(t, "the link of another purpose", err, dispatch.ReasonLinkInvalid)
}

// TestOnlyAListThatSomebodyWaitsOnHearsOfFreeTime: elsewhere nothing is written.
func TestOnlyAListThatSomebodyWaitsOnHearsOfFreeTime(t *testing.T) {
	t.Parallel()
	d := open(t)
	freed := func() int { return d.count(t, `SELECT count(*) FROM notices WHERE kind = 'time_freed'`) }
	d.callOff(t, d.book(t, d.visitor(), 1))
	if n := freed(); n != 0 {
		t.Errorf("%d notices with nobody to hear them", n)
	}
	d.waits(t, "Anna")
	a := d.book(t, d.visitor(), 2)
	before := freed()
	offer := d.offerToMove(t, d.Principal(dispatch.RoleDispatcher), a.ID, 3)
	moved, err := d.RescheduleAppointment(t.Context(), d.Call(dispatch.RoleDispatcher, "RescheduleAppointment"), booking.RescheduleCommand{
		Appointment: a.ID, SlotToken: offer.Token, Version: a.Version, Reason: "asked for",
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := freed(); n != before+1 {
		t.Errorf("%d notices of the move, want one", n-before)
	}
	d.callOff(t, moved)
	if n := freed(); n != before+2 {
		t.Errorf("%d notices after the end, want another", n-before)
	}
}
