package referral_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
)

// The clock: reminded after a day, to the next seller after two, to the
// administrators after three and four, given up after fourteen. Who had his chance
// is passed over.
func TestNobodyAccepts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sellers(t, 2)
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		_, err := tx.PutMember(ctx, dispatch.Member{Issuer: company.Issuer, Subject: "boss", Role: dispatch.RoleAdministrator, DisplayName: "Bo"})
		return err
	})
	r := w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	at := company.Now
	look := func() dispatch.Look {
		w.SetTime(t, at)
		look, err := w.desk.LookAtReferral(t.Context(), w.Tenant.ID, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		return look
	}
	for i, want := range []struct {
		owner      string
		escalation int
	}{
		{"member:sales", 0}, {"member:sales", 1}, {"member:sales-2", 2}, {"member:administrator", 3}, {"member:boss", 4}, {"member:boss", 5},
	} {
		next := look()
		got, err := w.desk.Get(t.Context(), w.by("sales"), r.ID)
		if err != nil || got.Owner != want.owner || got.Escalation != want.escalation || got.State != dispatch.ReferralRouted {
			t.Fatalf("day %d: %s after %d, %s, %v; want %s after %d", i, got.Owner, got.Escalation, got.State, err, want.owner, want.escalation)
		}
		if next.Done || next.Wait != 24*time.Hour {
			t.Fatalf("day %d: next look %+v", i, next)
		}
		// Looked at twice, nothing is done twice.
		if again := look(); again != next || len(w.ledger(t, r.ID)) != 2+i {
			t.Fatalf("day %d: again %+v, ledger %v", i, again, w.ledger(t, r.ID))
		}
		at = at.Add(24 * time.Hour)
	}
	at = company.Now.Add(14 * 24 * time.Hour)
	if next := look(); !next.Done {
		t.Errorf("after 14 days: next look %+v", next)
	}
	got, err := w.desk.Get(t.Context(), w.as(0), r.ID)
	if err != nil || got.State != dispatch.ReferralExpired || got.StateReason == "" || !got.ClosedAt.Equal(at) {
		t.Errorf("after 14 days: %+v, %v", got, err)
	}
	if _, err := w.desk.Accept(t.Context(), w.by("sales"), r.ID, 0); dispatch.ReasonOf(err) != dispatch.ReasonTerminalState {
		t.Errorf("accepted afterwards: %v", err)
	}
}

func TestAnAcceptedReferralRests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	if _, err := w.desk.Accept(t.Context(), w.by("sales"), r.ID, 0); err != nil {
		t.Fatal(err)
	}
	w.SetTime(t, company.Now.Add(20*24*time.Hour))
	if look, err := w.desk.LookAtReferral(t.Context(), w.Tenant.ID, r.ID); err != nil || !look.Done {
		t.Errorf("%+v, %v", look, err)
	}
}

// Where nobody sells yet, the referral waits for the first who does.
func TestADeskWithoutSellers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	disable := func(disabled bool, subjects ...string) {
		w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
			for _, s := range subjects {
				m, found, err := tx.FindMember(ctx, company.Issuer, s)
				if err != nil || !found {
					return fmt.Errorf("member %s: %t, %w", s, found, err)
				}
				m.Disabled = disabled
				if _, err := tx.PutMember(ctx, m); err != nil {
					return err
				}
			}
			return nil
		})
	}
	disable(true, "sales", "administrator")
	r := w.log(t, 0, noticed(w.visit(t, 0, w.Customer.ID)))
	if r.State != dispatch.ReferralLogged || r.Owner != "" {
		t.Fatalf("given to %q as %s", r.Owner, r.State)
	}
	look, err := w.desk.LookAtReferral(t.Context(), w.Tenant.ID, r.ID)
	if err != nil || look.Wait != time.Hour {
		t.Errorf("next look %+v, %v", look, err)
	}
	disable(false, "sales")
	if _, err := w.desk.LookAtReferral(t.Context(), w.Tenant.ID, r.ID); err != nil {
		t.Fatal(err)
	}
	if r, err = w.desk.Get(t.Context(), w.as(0), r.ID); err != nil || r.State != dispatch.ReferralRouted || r.Owner != "member:sales" {
		t.Errorf("%+v, %v", r, err)
	}
}
