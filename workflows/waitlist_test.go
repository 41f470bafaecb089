package workflows

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
)

// offers keeps a window of tomorrow for the customer of the desk until half past seven,
// and tells him.
func (d *desk) offers(t *testing.T) dispatch.WaitlistEntry {
	t.Helper()
	hold := dispatch.Hold{
		ID: dispatch.HoldID{}.New(), Holder: "waitlist:test", State: dispatch.HoldHeld, PlanningArea: d.Area.ID, Service: d.Tier.Service,
		Tier: d.Tier.ID, WorkOrder: d.visit.WorkOrder, Location: d.Center, Price: d.Tier.Price, Duration: time.Hour,
		Window:    dispatch.Window{Span: dispatch.Span{Start: d.At(1, 8, 0), End: d.At(1, 10, 0)}, Zone: d.Tenant.TimeZone},
		ExpiresAt: d.At(0, 7, 30), Version: 1,
	}
	e := dispatch.WaitlistEntry{
		ID: dispatch.WaitlistEntryID{}.New(), PlanningArea: d.Area.ID, Customer: d.Customer.ID, WorkOrder: d.visit.WorkOrder,
		Service: d.Tier.Service, Tier: d.Tier.ID, Price: d.Tier.Price, From: dispatch.DateOf(company.Now, d.Zone),
		Until: dispatch.DateOf(company.Now, d.Zone).AddDays(2), State: dispatch.WaitlistOffered, JoinedAt: company.Now, JoinedBy: "visitor:1", Version: 1,
	}
	e.Offer = &dispatch.WaitlistOffer{Entry: e.ID, Ordinal: 1, Hold: hold.ID, Outcome: dispatch.WaitlistOpen, OfferedAt: company.Now}
	d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		for _, step := range []func() error{
			func() error { return tx.CreateHold(ctx, hold) },
			func() error { return tx.CreateWaitlistEntry(ctx, e) },
			func() error { return tx.AddWaitlistOffer(ctx, *e.Offer) },
			func() error { return dispatch.OfferWaiting(ctx, tx, e) },
			func() error { return dispatch.OfferWaiting(ctx, tx, e) }, // a look that is repeated
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
	return e
}

func TestWhoWaitsIsToldOfAFreeWindow(t *testing.T) {
	t.Parallel()
	server, options := mailServer(t)
	d := newDesk(t, options)
	d.sender.WaitlistLink = func(_ dispatch.TenantID, id dispatch.WaitlistEntryID) (string, error) {
		return "https://book.example.org/waitlist#" + id.String(), nil
	}
	d.customer(t, func(c *dispatch.Customer) { c.Language, c.Email = "en", "zoe.quux@example.org" })
	e := d.offers(t)
	d.sendAll(t)
	d.wantRows(t,
		row{"mail", "slot_free", "sent", "", "queued", 1},
		row{"text", "slot_free", "suppressed", "no provider is configured for text", "", 1})
	mails, err := server.WaitForMessages(1, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"Subject: A window has become free: Tuesday, June 4, 2024, 8:00 AM", "Lamp repair", "until Monday, June 3, 2024, 7:30 AM",
		"https://book.example.org/waitlist#" + e.ID.String(),
	} {
		if !strings.Contains(mails[0].MsgRequest(), part) {
			t.Errorf("the mail does not say %q:\n%s", part, mails[0].MsgRequest())
		}
	}
}

// Who declined, or whose time to answer is over, is not told any more.
func TestNobodyIsToldOfAWindowThatIsGone(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]func(*testing.T, *desk, dispatch.WaitlistEntry){
		"declined": func(t *testing.T, d *desk, e dispatch.WaitlistEntry) {
			t.Helper()
			d.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
				e.State = dispatch.WaitlistWaiting
				return tx.SaveWaitlistEntry(ctx, e)
			})
		},
		"late": func(t *testing.T, d *desk, _ dispatch.WaitlistEntry) { t.Helper(); d.SetTime(t, d.At(0, 7, 30)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, options := mailServer(t)
			d := newDesk(t, options)
			d.customer(t, func(c *dispatch.Customer) { c.Email = "zoe.quux@example.org" })
			gone(t, d, d.offers(t))
			d.sendAll(t)
			d.wantRows(t,
				row{"mail", "slot_free", "suppressed", "the window is not kept any more", "", 1},
				row{"text", "slot_free", "suppressed", "no provider is configured for text", "", 1})
		})
	}
}
