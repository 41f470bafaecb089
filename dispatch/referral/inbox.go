package referral

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/firstfix/firstfix/dispatch"
)

// inboxKey is inside the address of an inbox. It says whose inbox it is and proves
// nothing: what comes in is signed.
type inboxKey struct {
	Tenant   dispatch.TenantID          `json:"t"`
	Endpoint dispatch.WebhookEndpointID `json:"e"`
}

// Inbox is where the CRM of an endpoint tells what became of leads.
type Inbox struct {
	Tenant   dispatch.TenantID
	Endpoint dispatch.WebhookEndpoint
	Secrets  []string // what comes in is signed with one of them
}

// InboxToken names the inbox of an endpoint in its address.
func (d *Desk) InboxToken(tenant dispatch.TenantID, id dispatch.WebhookEndpointID) (string, error) {
	return d.seal.Token(dispatch.PurposeWebhookInbox, inboxKey{tenant, id})
}

// OpenInbox finds the inbox that a token names. One of an endpoint that is disabled
// is refused like one that is not there.
func (d *Desk) OpenInbox(ctx context.Context, token string) (Inbox, error) {
	var key inboxKey
	notThere := dispatch.Refuse(dispatch.ReasonResourceNotFound, "", "there is no such inbox; GetWebhookEndpoint gives its address")
	if err := d.seal.Open(dispatch.PurposeWebhookInbox, token, &key); err != nil {
		return Inbox{}, notThere.Because(err)
	}
	in := Inbox{Tenant: key.Tenant}
	var now time.Time
	err := d.store.View(ctx, key.Tenant, func(ctx context.Context, tx dispatch.Tx) (err error) {
		if in.Endpoint, err = tx.GetWebhookEndpoint(ctx, key.Endpoint); err != nil {
			return err
		}
		now, err = tx.Now(ctx)
		return err
	})
	if err != nil {
		return Inbox{}, err
	}
	if in.Endpoint.State != dispatch.EndpointEnabled {
		return Inbox{}, notThere
	}
	in.Secrets, err = d.secrets(in.Endpoint, now)
	return in, err
}

// Told is one message of a CRM.
type Told struct {
	ID       string   // webhook-id: the same for every copy
	Body     [32]byte // its SHA-256
	Referral dispatch.ReferralID
	Outcome  Outcome // also accepted, and declined with its reason
}

// Taken is what became of a message.
type Taken struct {
	State dispatch.ReferralState // of the referral, now
	// Ignored is why nothing changed: copies and stragglers are no failure.
	Ignored string
}

// Take records what a CRM tells of a referral. A message that comes again is
// answered as it was; one that was overtaken changes nothing. What has not been
// accepted yet is accepted by whoever goes on with it.
func (d *Desk) Take(ctx context.Context, in Inbox, told Told) (Taken, error) {
	told.Outcome.Reason = strings.TrimSpace(told.Outcome.Reason)
	if err := told.check(); err != nil {
		return Taken{}, err
	}
	call := dispatch.Call{
		Principal: dispatch.Principal{Tenant: in.Tenant, Role: dispatch.RoleSystem, Subject: "webhook:" + in.Endpoint.ID.String()},
		Method:    "inbox", RequestID: uuid.NewSHA1(in.Endpoint.ID.UUID, []byte(told.ID)), Hash: told.Body,
	}
	return dispatch.Once(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (Taken, error) {
		r, err := tx.LockReferral(ctx, told.Referral)
		if err != nil {
			return Taken{}, err
		}
		if err := checkCurrency(ctx, tx, "data.value", told.Outcome.Value); err != nil {
			return Taken{}, err
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return Taken{}, err
		}
		way, err := dispatch.ReferralMachine.Route(r.Name(), r.State, told.Outcome.State)
		if err != nil {
			return Taken{State: r.State, Ignored: err.Error()}, nil //nolint:nilerr // overtaken, which is no failure
		}
		if len(way) == 0 {
			return Taken{State: r.State, Ignored: "it is so already"}, nil
		}
		for _, state := range way {
			if r, err = told.apply(ctx, tx, r, state, call.Principal.Subject, now); err != nil {
				return Taken{}, err
			}
		}
		return Taken{State: r.State}, nil
	})
}

func (t Told) check() error {
	switch t.Outcome.State {
	case dispatch.ReferralAccepted:
		return nil
	case dispatch.ReferralDeclined:
		if t.Outcome.Reason == "" {
			return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "data.reason", "it is required for a referral that is declined: the technician reads it")
		}
		return nil
	default:
		return t.Outcome.check()
	}
}

func (t Told) apply(ctx context.Context, tx dispatch.Tx, r dispatch.Referral, to dispatch.ReferralState, actor string, now time.Time) (dispatch.Referral, error) {
	from, reason := r.State, ""
	r.State = to
	switch to {
	case dispatch.ReferralAccepted:
		r.AcceptedAt = now // by the owner whom it was given to, or by nobody who is paid for it
	default:
		reason = t.Outcome.Reason
		r.StateReason = reason
		if to == dispatch.ReferralWon {
			r.Value = t.Outcome.Value
		}
		if r.ContactedAt.IsZero() && to != dispatch.ReferralLost && to != dispatch.ReferralDeclined {
			r.ContactedAt = now
		}
	}
	if err := restartClock(ctx, tx, &r, now); err != nil {
		return r, err
	}
	r, err := step(ctx, tx, from, r, actor, reason, now)
	if err != nil {
		return r, err
	}
	return r, settleMove(ctx, tx, r, actor, now)
}
