package booking_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/booking"
	"github.com/firstfix/firstfix/dispatch/outbound/travel"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
)

// desk is the booking desk of a small company, on the real store.
type desk struct {
	*company.Company
	*booking.Booking
	seal *dispatch.Seal
}

func open(t *testing.T) *desk {
	t.Helper()
	c := company.New(t)
	seal, err := dispatch.NewSeal([]byte("a secret of thirty-two bytes, or more"))
	if err != nil {
		t.Fatal(err)
	}
	return &desk{Company: c, Booking: booking.New(c.Store, travel.Estimator{}, seal), seal: seal}
}

// as is a new request of a principal.
func (d *desk) as(p dispatch.Principal, method string) dispatch.Call {
	call := d.Call(dispatch.RoleVisitor, method)
	call.Principal = p
	return call
}

func (d *desk) visitor() dispatch.Principal { return d.Principal(dispatch.RoleVisitor) }

// day is the local date that many days after the company's first.
func (d *desk) day(n int) dispatch.Date { return dispatch.DateOf(d.At(n, 12, 0), d.Zone) }

// place is somewhere in the territory, east of its centre by that many hundred
// metres.
func (d *desk) place(east int) *booking.Place {
	return &booking.Place{
		Address: "1 Test St", PostalCode: "02100",
		Location: dispatch.Point{Longitude: d.Center.Longitude + 0.0012*float64(east), Latitude: d.Center.Latitude},
	}
}

// search asks for a lamp repair at a place on one day.
func (d *desk) search(t *testing.T, p dispatch.Principal, day int) booking.Offers {
	t.Helper()
	got, err := d.SearchSlotOffers(t.Context(), d.as(p, "SearchSlotOffers"), booking.SearchCommand{
		Place: d.place(0), Service: d.Service.ID, From: d.day(day), Until: d.day(day + 1),
	})
	if err != nil {
		t.Fatalf("search: %v", err)
	}
	return got
}

// offer is the first offer of a day.
func (d *desk) offer(t *testing.T, p dispatch.Principal, day int) booking.Offer {
	t.Helper()
	got := d.search(t, p, day)
	if len(got.Offers) == 0 {
		t.Fatalf("no offers on day %d: %v", day, got.NoOffer)
	}
	return got.Offers[0]
}

// hold holds the first offer of a day.
func (d *desk) hold(t *testing.T, p dispatch.Principal, day int) dispatch.Hold {
	t.Helper()
	hold, err := d.CreateHold(t.Context(), d.as(p, "CreateHold"), d.offer(t, p, day).Token)
	if err != nil {
		t.Fatalf("hold: %v", err)
	}
	return hold
}

func (d *desk) token(t *testing.T, h dispatch.Hold) string {
	t.Helper()
	token, err := d.HoldToken(d.Tenant.ID, h)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// confirmation is the request that confirms a hold for a person of that name.
func (d *desk) confirmation(t *testing.T, h dispatch.Hold, name string) booking.ConfirmCommand {
	t.Helper()
	return booking.ConfirmCommand{
		Hold: h.ID, Token: d.token(t, h), Issue: "it is dark",
		Details: &booking.CustomerDetails{DisplayName: name, Email: "someone@example.org"},
	}
}

// book books the first offer of a day.
func (d *desk) book(t *testing.T, p dispatch.Principal, day int) dispatch.ListedAppointment {
	t.Helper()
	in := d.confirmation(t, d.hold(t, p, day), "Grace Lane")
	in.AllowDuplicate = true
	a, err := d.ConfirmHold(t.Context(), d.as(p, "ConfirmHold"), in)
	if err != nil {
		t.Fatalf("confirm: %v", err)
	}
	return a
}

// offerToMove is an offer on a day for an appointment that shall be moved.
func (d *desk) offerToMove(t *testing.T, p dispatch.Principal, id dispatch.AppointmentID, day int) booking.Offer {
	t.Helper()
	got, err := d.SearchSlotOffers(t.Context(), d.as(p, "SearchSlotOffers"), booking.SearchCommand{
		Appointment: id, From: d.day(day), Until: d.day(day + 1),
	})
	if err != nil || len(got.Offers) == 0 {
		t.Fatalf("offers to move to day %d: %v, %v", day, got.NoOffer, err)
	}
	return got.Offers[0]
}

// count asks the database as its superuser for one number.
func (d *desk) count(t *testing.T, sql string, args ...any) int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.DB.SuperuserURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var n int
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// doubleBookings counts pairs of live commitments of one technician that overlap.
func (d *desk) doubleBookings(t *testing.T) int {
	t.Helper()
	return d.count(t, `SELECT count(*) FROM commitments a JOIN commitments b
		ON a.tenant_id = b.tenant_id AND a.technician_id = b.technician_id AND a.id < b.id
		AND tstzrange(a.starts_at, a.ends_at) && tstzrange(b.starts_at, b.ends_at)
		WHERE a.state IN ('held', 'planned') AND b.state IN ('held', 'planned')`)
}

// only keeps one technician at work: the others' shifts of all days are gone.
func (d *desk) only(t *testing.T, technician int) {
	t.Helper()
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		for i, s := range d.Shifts {
			if i%3 != technician {
				if err := tx.DeleteShift(ctx, s.ID); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func wantReason(t *testing.T, what string, err error, want dispatch.Reason) *dispatch.Error {
	t.Helper()
	if got := dispatch.ReasonOf(err); got != want {
		t.Errorf("%s: %v, want %s", what, err, want)
		return &dispatch.Error{}
	}
	return refusalOf(err)
}

var sameInstant = cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })
