package booking_test

import (
	"context"
	"testing"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/booking"
)

// TestInsertionLeavesWhatIsFixed books into a day in which one visit is pinned
// and one is under way: neither moves, whatever it costs.
func TestInsertionLeavesWhatIsFixed(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.only(t, 0)
	underWay, pinned := d.book(t, d.visitor(), 1), d.book(t, d.visitor(), 1)
	spans := map[dispatch.VisitID]dispatch.Span{}
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		for _, a := range []dispatch.ListedAppointment{underWay, pinned} {
			c, _, err := tx.CommitmentOfVisit(ctx, a.Visit)
			if err != nil {
				return err
			}
			if a.ID == underWay.ID {
				c.State = dispatch.CommitmentUnderWay
			} else {
				// Later than needed, as a dispatcher would who knows why.
				c.Span.Start, c.Span.End = d.At(1, 9, 40), d.At(1, 10, 40)
				c.PinnedBy = "member:dispatcher"
			}
			spans[a.Visit] = c.Span
			if err := tx.SaveCommitment(ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
	booked := 0
	for range 8 {
		p := d.visitor()
		got := d.search(t, p, 1)
		if len(got.Offers) == 0 {
			break
		}
		hold, err := d.CreateHold(t.Context(), d.as(p, "CreateHold"), got.Offers[0].Token)
		if err != nil {
			t.Fatal(err)
		}
		in := d.confirmation(t, hold, "Late Comer")
		in.AllowDuplicate = true
		if _, err := d.ConfirmHold(t.Context(), d.as(p, "ConfirmHold"), in); err != nil {
			t.Fatal(err)
		}
		booked++
	}
	if booked == 0 {
		t.Fatal("nothing fitted around the two")
	}
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		for visit, want := range spans {
			c, found, err := tx.CommitmentOfVisit(ctx, visit)
			if err != nil || !found || !c.Span.Start.Equal(want.Start) || !c.Span.End.Equal(want.End) {
				t.Errorf("%s moved from %v to %v (found %t), %v", visit.Name(), want, c.Span, found, err)
			}
		}
		return nil
	})
	if n := d.count(t, `SELECT count(*) FROM commitments a JOIN commitments b ON a.technician_id = b.technician_id AND a.id < b.id
		AND tstzrange(a.starts_at, a.ends_at) && tstzrange(b.starts_at, b.ends_at)
		WHERE a.state IN ('held', 'planned', 'under_way') AND b.state IN ('held', 'planned', 'under_way')`); n != 0 {
		t.Errorf("%d commitments overlap, the one under way included", n)
	}
}

// TestTiersAskForTheirOwnCertainty: a tier with a floor is offered only what is
// sure enough, and says so where nothing is.
func TestTiersAskForTheirOwnCertainty(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		return tx.CreateTier(ctx, dispatch.Tier{
			Service: d.Service.ID, ID: "sure", DisplayName: "Sure", Price: dispatch.Money{Minor: 9900, Currency: "USD"},
			OnTimeFloor: 0.95, Version: 1,
		})
	})
	anna := d.visitor()
	got := d.search(t, anna, 1)
	sure := 0
	for i, o := range got.Offers {
		if o.Tier == "sure" {
			sure++
			if o.OnTime < 0.95 || o.Price.Minor != 9900 {
				t.Errorf("offer %d is %+v", i, o)
			}
		}
		if i > 0 && o.Window.Start.Equal(got.Offers[i-1].Window.Start) && o.Price.Minor < got.Offers[i-1].Price.Minor {
			t.Errorf("offers of one window are not by price: %d before %d", got.Offers[i-1].Price.Minor, o.Price.Minor)
		}
	}
	if sure == 0 || sure+3 != len(got.Offers) {
		t.Errorf("%d sure offers of %d on a free day, want one for each of the 3 windows", sure, len(got.Offers))
	}
	only, err := d.SearchSlotOffers(t.Context(), d.as(anna, "SearchSlotOffers"), booking.SearchCommand{
		Place: d.place(0), Service: d.Service.ID, Tier: booking.TierRef{Service: d.Service.ID, Tier: "sure"}, From: d.day(1), Until: d.day(2),
	})
	if err != nil || len(only.Offers) != sure {
		t.Errorf("only the sure tier: %d, %v; want %d", len(only.Offers), err, sure)
	}
}

// TestTheSameDayIsOfferedTheSameWay: equal technicians are told apart by id, so
// that a replay gives the same answers.
func TestTheSameDayIsOfferedTheSameWay(t *testing.T) {
	t.Parallel()
	d := open(t)
	anna := d.visitor()
	first := d.search(t, anna, 1)
	for range 5 {
		again := d.search(t, anna, 1)
		for i := range first.Offers {
			if first.Offers[i].Token != again.Offers[i].Token || first.Offers[i].OnTime != again.Offers[i].OnTime {
				t.Fatalf("offer %d differs: %+v and %+v", i, first.Offers[i], again.Offers[i])
			}
		}
	}
	d.SetTime(t, d.At(0, 7, 0).Add(time.Second))
	if later := d.search(t, anna, 1); later.Offers[0].Token == first.Offers[0].Token {
		t.Error("an offer of another second has the same token")
	}
}
