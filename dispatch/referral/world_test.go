package referral_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
	"github.com/firstfix/firstfix/dispatch/referral"
)

// world is a company whose first technician has visits to log from.
type world struct {
	*company.Company
	desk *referral.Desk
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldReaching(t, dispatch.Egress{})
}

// newWorldReaching is a world whose webhooks may go where egress permits.
func newWorldReaching(t testing.TB, egress dispatch.Egress) *world {
	t.Helper()
	c := company.New(t)
	seal, err := dispatch.NewSeal([]byte(strings.Repeat("s", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return &world{Company: c, desk: referral.New(c.Store, seal, egress)}
}

// visit is one that a technician is making, for a customer.
func (w *world) visit(t testing.TB, technician int, customer dispatch.CustomerID) dispatch.VisitID {
	t.Helper()
	order := dispatch.WorkOrder{
		ID: dispatch.WorkOrderID{}.New(), Customer: customer, Site: w.Site.ID, Service: w.Service.ID, PlanningArea: w.Area.ID,
		State: dispatch.WorkOrderInProgress, Priority: 3, OpenedAt: company.Now, Version: 1,
	}
	visit := dispatch.Visit{
		ID: dispatch.VisitID{}.New(), WorkOrder: order.ID, PlanningArea: w.Area.ID, Ordinal: 1, State: dispatch.VisitInProgress,
		Duration: time.Hour, Technician: w.Technicians[technician].ID, StartedAt: company.Now, CreatedAt: company.Now, Version: 1,
	}
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		if err := tx.CreateWorkOrder(ctx, order); err != nil {
			return err
		}
		return tx.CreateVisit(ctx, visit)
	})
	return visit.ID
}

func (w *world) customer(t testing.TB, change func(*dispatch.Customer)) dispatch.CustomerID {
	t.Helper()
	c := dispatch.Customer{ID: dispatch.CustomerID{}.New(), DisplayName: "Eve Ng", Email: "eve@example.org", Phone: "+16175550199", Version: 1}
	if change != nil {
		change(&c)
	}
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error { return tx.CreateCustomer(ctx, c) })
	return c.ID
}

// sellers makes more sales members: "sales-2" and so on.
func (w *world) sellers(t testing.TB, n int) {
	t.Helper()
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		for i := 2; i <= n; i++ {
			_, err := tx.PutMember(ctx, dispatch.Member{
				Issuer: company.Issuer, Subject: fmt.Sprintf("sales-%d", i), Role: dispatch.RoleSales, DisplayName: "Seller",
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// by is a call of a sales member.
func (w *world) by(subject string) dispatch.Call {
	call := w.Call(dispatch.RoleSales, "AcceptReferral")
	call.Principal.Subject = "member:" + subject
	return call
}

func (w *world) as(technician int) dispatch.Call {
	call := w.Call(dispatch.RoleTechnician, "CreateReferral")
	call.Principal.Technician = w.Technicians[technician].ID
	call.Principal.Subject = fmt.Sprintf("member:technician-%d", technician+1)
	return call
}

func noticed(visit dispatch.VisitID) referral.Noticed {
	return referral.Noticed{
		Visit: visit, Need: "the boiler is from 1987", Suggestion: "a heat pump", ConsentChannel: dispatch.ConsentPhone,
		Estimate: &dispatch.Money{Minor: 900_000, Currency: "USD"},
	}
}

func (w *world) log(t testing.TB, technician int, in referral.Noticed) dispatch.Referral {
	t.Helper()
	r, err := w.desk.Log(t.Context(), w.as(technician), in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ledger is what was done with a referral, one line each.
func (w *world) ledger(t testing.TB, id dispatch.ReferralID) []string {
	t.Helper()
	var out []string
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		moves, err := tx.ReferralMoves(ctx, id)
		for _, m := range moves {
			out = append(out, fmt.Sprintf("%s>%s %s", m.From, m.To, m.Owner))
		}
		return err
	})
	return out
}
