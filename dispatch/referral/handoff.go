package referral

import (
	"context"
	"fmt"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// handOff makes the deliveries of a change, in its transaction: a change that is
// true is on its way to every endpoint, and one that was rolled back to none.
func handOff(ctx context.Context, tx dispatch.Tx, r dispatch.Referral, now time.Time) error {
	endpoints, err := tx.EnabledWebhookEndpoints(ctx)
	if err != nil || len(endpoints) == 0 {
		return err
	}
	lead, err := leadOf(ctx, tx, r)
	if err != nil {
		return err
	}
	for _, endpoint := range endpoints {
		err := tx.CreateWebhookDelivery(ctx, dispatch.WebhookDelivery{
			ID: dispatch.WebhookDeliveryID{}.New(), Endpoint: endpoint, Referral: r.ID, Version: r.Version,
			Event: dispatch.WebhookReferralChanged, Lead: &lead, State: dispatch.WebhookPending, DueAt: now, CreatedAt: now,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// leadOf writes a referral as it is now for a sales team. Of the customer it says no
// more than he agreed to be contacted by.
func leadOf(ctx context.Context, tx dispatch.Tx, r dispatch.Referral) (dispatch.Lead, error) {
	customer, err := tx.GetCustomer(ctx, r.Customer)
	if err != nil {
		return dispatch.Lead{}, err
	}
	site, err := tx.GetSite(ctx, r.Site)
	if err != nil {
		return dispatch.Lead{}, err
	}
	technicians, err := tx.GetTechnicians(ctx, []dispatch.TechnicianID{r.Technician})
	if err != nil {
		return dispatch.Lead{}, err
	}
	lead := dispatch.Lead{
		Referral: r.Name(), Version: r.Version, State: string(r.State), StateReason: r.StateReason, Owner: r.Owner,
		Need: r.Need, Suggestion: r.Suggestion, Urgency: string(r.Urgency), Estimate: sumOf(r.Estimate), Value: sumOf(r.Value),
		LoggedAt: r.LoggedAt, ConsentChannel: string(r.ConsentChannel),
		Customer: customer.Name(), CustomerName: customer.DisplayName, Address: site.Address, PostalCode: site.PostalCode,
	}
	switch r.ConsentChannel {
	case dispatch.ConsentPhone, dispatch.ConsentText:
		lead.Phone = customer.Phone
	case dispatch.ConsentEmail:
		lead.Email = customer.Email
	}
	if r.Service != "" {
		lead.Product = dispatch.Service{ID: r.Service}.Name()
	}
	if len(technicians) == 1 {
		lead.Technician = technicians[0].DisplayName
	}
	if !r.DuplicateOf.IsZero() {
		lead.DuplicateOf = r.DuplicateOf.Name()
	}
	sale, _, err := tx.FindSale(ctx, r.ID)
	lead.Sale = string(sale.State)
	return lead, err
}

func sumOf(m *dispatch.Money) *dispatch.LeadSum {
	if m == nil {
		return nil
	}
	return &dispatch.LeadSum{Minor: m.Minor, Currency: m.Currency}
}

// Attempt reads what one post of a leased delivery needs. It fails where another sender
// has taken over, or the endpoint was disabled meanwhile.
func (d *Desk) Attempt(ctx context.Context, leased dispatch.LeasedWebhookDelivery) (dispatch.WebhookAttempt, error) {
	out := dispatch.WebhookAttempt{Tenant: leased.Tenant}
	var now time.Time
	err := d.store.View(ctx, leased.Tenant, func(ctx context.Context, tx dispatch.Tx) (err error) {
		if out.Delivery, err = tx.GetWebhookDelivery(ctx, leased.Delivery); err != nil {
			return err
		}
		if out.Endpoint, err = tx.GetWebhookEndpoint(ctx, leased.Endpoint); err != nil {
			return err
		}
		now, err = tx.Now(ctx)
		return err
	})
	if err != nil {
		return out, fmt.Errorf("read %s: %w", leased.Delivery.Name(), err)
	}
	if out.Delivery.Lease != leased.Lease {
		return out, fmt.Errorf("the lease of %s is over", leased.Delivery.Name())
	}
	out.Secrets, err = d.secrets(out.Endpoint, now)
	return out, err
}

const (
	// longestWish is how long an endpoint may ask to be left alone.
	longestWish = 24 * time.Hour
	// restAfter deliveries in a row that found nobody an endpoint rests, longer each
	// time, so that one that is away costs next to nothing.
	restAfter   = 10
	firstRest   = 30 * time.Second
	longestRest = 15 * time.Minute
)

// SettleWebhook writes what came of an attempt and what it says of the endpoint, and
// gives the delivery as it is now; held is false if another sender has taken over.
func (d *Desk) SettleWebhook(ctx context.Context, attempt dispatch.WebhookAttempt, answer dispatch.WebhookAnswer) (settled dispatch.WebhookDelivery, held bool, err error) {
	err = d.store.InTx(ctx, attempt.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		settled = settledBy(attempt.Delivery, answer, now)
		if held, err = tx.SettleWebhookDelivery(ctx, settled); err != nil || !held {
			return err
		}
		return noteEndpoint(ctx, tx, attempt.Endpoint, answer, now)
	})
	if err != nil {
		err = fmt.Errorf("settle %s: %w", attempt.Delivery.Name(), err)
	}
	return settled, held, err
}

// settledBy says what becomes of a delivery.
func settledBy(w dispatch.WebhookDelivery, answer dispatch.WebhookAnswer, now time.Time) dispatch.WebhookDelivery {
	w.Status, w.Reason, w.FinishedAt = answer.Status, answer.Warning, now
	if answer.Err == nil {
		w.State = dispatch.WebhookDelivered
		return w
	}
	w.Reason = answer.Err.Error()
	wait := max(dispatch.RetryIn(w.Attempts), min(answer.RetryAfter, longestWish))
	w.DueAt = now.Add(wait)
	switch {
	case answer.Gone:
		w.State = dispatch.WebhookDead
	case w.DueAt.Sub(w.RetrySince) > dispatch.RetryFor:
		w.State, w.Reason = dispatch.WebhookDead, "given up after three days: "+w.Reason
	default:
		w.FinishedAt = time.Time{}
	}
	return w
}

// noteEndpoint keeps count of whether an endpoint can be reached.
func noteEndpoint(ctx context.Context, tx dispatch.Tx, seen dispatch.WebhookEndpoint, answer dispatch.WebhookAnswer, now time.Time) error {
	well := answer.Err == nil || !answer.Unreachable && answer.RetryAfter == 0 && !answer.Gone
	if well && seen.Failures == 0 {
		return nil // nearly always, and no row is locked for it
	}
	e, err := tx.LockWebhookEndpoint(ctx, seen.ID)
	if err != nil {
		return err
	}
	switch {
	case answer.Gone && e.State == dispatch.EndpointEnabled:
		return disable(ctx, tx, e, "it answered 410: it wants nothing more", now)
	case well:
		e.Failures, e.RestsUntil = 0, time.Time{}
	case answer.Unreachable:
		if e.Failures++; e.Failures >= restAfter {
			e.RestsUntil = now.Add(dispatch.Backoff(firstRest, longestRest, e.Failures-restAfter+1))
		}
	}
	if wish := now.Add(min(answer.RetryAfter, longestWish)); answer.RetryAfter > 0 && wish.After(e.RestsUntil) {
		e.RestsUntil = wish
	}
	return tx.NoteReachable(ctx, e.ID, e.Failures, e.RestsUntil)
}

// disable ends what is on its way to an endpoint, to be replayed when it is enabled
// again.
func disable(ctx context.Context, tx dispatch.Tx, e dispatch.WebhookEndpoint, reason string, now time.Time) error {
	e.State, e.StateReason = dispatch.EndpointDisabled, reason
	if err := tx.SaveWebhookEndpoint(ctx, e); err != nil {
		return err
	}
	return tx.KillWebhookDeliveries(ctx, e.ID, "the endpoint was disabled", now)
}
