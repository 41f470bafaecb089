package workflows

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
)

// sell makes a sale of a heat pump that was promised to save 30 % gas, and asks the
// customer a question about it.
func (d *desk) sell(t *testing.T, question dispatch.FollowUpQuestion) dispatch.FollowUp {
	t.Helper()
	sold := dispatch.Referral{
		ID: dispatch.ReferralID{}.New(), Visit: d.visit.ID, WorkOrder: d.visit.WorkOrder, Site: d.Site.ID, Customer: d.Customer.ID,
		Technician: d.Technicians[0].ID, Need: "cold", Suggestion: "a heat pump", Urgency: dispatch.UrgencyNormal, ConsentChannel: dispatch.ConsentPhone,
		State: dispatch.ReferralWon, Value: &dispatch.Money{Minor: 1, Currency: "USD"}, LoggedAt: company.Now, Version: 1,
	}
	asked := dispatch.FollowUp{
		ID: dispatch.FollowUpID{}.New(), Referral: sold.ID, Question: question, Side: dispatch.SideCustomer, State: dispatch.FollowUpPlanned,
		DueAt: company.Now, Version: 1,
	}
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		for _, step := range []func() error{
			func() error { return tx.CreateReferral(ctx, sold) },
			func() error {
				return tx.CreateSale(ctx, dispatch.Sale{
					Referral: sold.ID, State: dispatch.SaleStanding, WonAt: company.Now, Promised: &dispatch.Measure{Number: 30, Unit: "% gas"},
				})
			},
			func() error { return tx.CreateFollowUp(ctx, asked) },
			func() error { return dispatch.AskCustomer(ctx, tx, asked, sold.Customer) },
		} {
			if err := step(); err != nil {
				return err
			}
		}
		asked.State, asked.AskedAt = dispatch.FollowUpAsked, company.Now
		return tx.SaveFollowUp(ctx, asked)
	})
	asked.Version++
	return asked
}

func TestACustomerIsAskedAfterTheSale(t *testing.T) {
	t.Parallel()
	server, options := mailServer(t)
	d := newDesk(t, options)
	d.sender.FollowUpLink = func(_ dispatch.TenantID, id dispatch.FollowUpID) (string, error) {
		return "https://book.example.org/follow-up#" + id.String(), nil
	}
	d.customer(t, func(c *dispatch.Customer) { c.Language, c.Email = "de", "zoe.quux@example.org" })
	asked := d.sell(t, dispatch.AskSaving)
	d.sendAll(t)
	d.wantRows(t,
		row{"mail", "saving", "sent", "", "queued", 1},
		row{"text", "saving", "suppressed", "no provider is configured for text", "", 1})
	mails, err := server.WaitForMessages(1, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"Subject: Spart es, was wir versprochen haben?", "a heat pump", "30 % gas", "https://book.example.org/follow-up#" + asked.ID.String()} {
		if !strings.Contains(mails[0].MsgRequest(), part) {
			t.Errorf("the mail does not say %q:\n%s", part, mails[0].MsgRequest())
		}
	}
}

// Who has answered meanwhile is not asked any more.
func TestNobodyIsAskedWhatHeHasAnswered(t *testing.T) {
	t.Parallel()
	_, options := mailServer(t)
	d := newDesk(t, options)
	d.customer(t, func(c *dispatch.Customer) { c.Email = "zoe.quux@example.org" })
	asked := d.sell(t, dispatch.AskUsed)
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		asked.State, asked.Answer, asked.AnsweredAt = dispatch.FollowUpAnswered, dispatch.AnswerYes, company.Now
		return tx.SaveFollowUp(ctx, asked)
	})
	d.sendAll(t)
	d.wantRows(t,
		row{"mail", "used", "suppressed", "the question is answered, or needs no answer any more", "", 1},
		row{"text", "used", "suppressed", "no provider is configured for text", "", 1})
}
