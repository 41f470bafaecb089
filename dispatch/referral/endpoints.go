package referral

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// CreateEndpoint makes an endpoint that gets what changes from now on.
func (d *Desk) CreateEndpoint(ctx context.Context, call dispatch.Call, e dispatch.WebhookEndpoint) (dispatch.WebhookEndpoint, error) {
	address, err := d.egress.CheckURL("webhook_endpoint.url", e.URL)
	if err != nil {
		return e, err
	}
	return dispatch.Once(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.WebhookEndpoint, error) {
		n, err := tx.CountWebhookEndpoints(ctx)
		if err != nil {
			return e, err
		}
		if n >= dispatch.MaxWebhookEndpoints {
			return e, dispatch.Refuse(dispatch.ReasonEndpointLimit, "", "there are %d endpoints, the limit is %d; change one that is there", n, dispatch.MaxWebhookEndpoints).
				With("limit", strconv.Itoa(dispatch.MaxWebhookEndpoints))
		}
		made := e
		made.ID, made.URL, made.State, made.KeyNumber, made.Version = dispatch.WebhookEndpointID{}.New(), address, dispatch.EndpointEnabled, 1, 1
		if made.CreatedAt, err = tx.Now(ctx); err != nil {
			return e, err
		}
		return made, tx.CreateWebhookEndpoint(ctx, made)
	})
}

// GetEndpoint reads an endpoint.
func (d *Desk) GetEndpoint(ctx context.Context, call dispatch.Call, id dispatch.WebhookEndpointID) (out dispatch.WebhookEndpoint, err error) {
	err = d.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		out, err = tx.GetWebhookEndpoint(ctx, id)
		return err
	})
	return out, err
}

// ListEndpoints pages the endpoints by id.
func (d *Desk) ListEndpoints(ctx context.Context, call dispatch.Call, page dispatch.Page) (out []dispatch.WebhookEndpoint, next string, err error) {
	err = d.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		out, next, err = tx.PageWebhookEndpoints(ctx, page)
		return err
	})
	return out, next, err
}

// UpdateEndpoint changes an endpoint. One that is disabled is told nothing, and what
// was on its way becomes dead; one that is enabled again, or moved, is tried at once.
func (d *Desk) UpdateEndpoint(ctx context.Context, call dispatch.Call, id dispatch.WebhookEndpointID, version int64, change func(*dispatch.WebhookEndpoint) error) (dispatch.WebhookEndpoint, error) {
	return d.changeEndpoint(ctx, call, id, func(ctx context.Context, tx dispatch.Tx, e *dispatch.WebhookEndpoint, now time.Time) error {
		before := *e
		e.Version = version
		if err := change(e); err != nil {
			return err
		}
		if e.URL != before.URL {
			address, err := d.egress.CheckURL("webhook_endpoint.url", e.URL)
			if err != nil {
				return err
			}
			e.URL = address
		}
		switch {
		case e.State != before.State && e.State == dispatch.EndpointDisabled:
			return disable(ctx, tx, *e, "an administrator disabled it", now)
		case e.State != before.State || e.URL != before.URL:
			e.StateReason, e.Failures, e.RestsUntil = "", 0, time.Time{}
		}
		return tx.SaveWebhookEndpoint(ctx, *e)
	})
}

// RotateKey gives an endpoint its next key. For the time of overlap the one before
// signs and is believed too; with 0 it is worthless at once.
func (d *Desk) RotateKey(ctx context.Context, call dispatch.Call, id dispatch.WebhookEndpointID, overlap time.Duration) (dispatch.WebhookEndpoint, error) {
	return d.changeEndpoint(ctx, call, id, func(ctx context.Context, tx dispatch.Tx, e *dispatch.WebhookEndpoint, now time.Time) error {
		e.KeyNumber++
		e.PreviousUntil = now.Add(overlap)
		return tx.SaveWebhookEndpoint(ctx, *e)
	})
}

// changeEndpoint changes a locked endpoint, once per request, and reads what it has
// become.
func (d *Desk) changeEndpoint(ctx context.Context, call dispatch.Call, id dispatch.WebhookEndpointID,
	change func(context.Context, dispatch.Tx, *dispatch.WebhookEndpoint, time.Time) error,
) (dispatch.WebhookEndpoint, error) {
	return dispatch.Once(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.WebhookEndpoint, error) {
		e, err := tx.LockWebhookEndpoint(ctx, id)
		if err != nil {
			return e, err
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return e, err
		}
		if err := change(ctx, tx, &e, now); err != nil {
			return e, err
		}
		return tx.GetWebhookEndpoint(ctx, id)
	})
}

// TestEndpoint sends an endpoint a delivery that is about nothing. An endpoint that
// rests is woken: somebody has mended it and wants to know.
func (d *Desk) TestEndpoint(ctx context.Context, call dispatch.Call, id dispatch.WebhookEndpointID) (dispatch.WebhookDelivery, error) {
	return dispatch.Once(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.WebhookDelivery, error) {
		e, now, err := lockEnabled(ctx, tx, id)
		if err != nil {
			return dispatch.WebhookDelivery{}, err
		}
		made := dispatch.WebhookDelivery{
			ID: dispatch.WebhookDeliveryID{}.New(), Endpoint: id, Event: dispatch.WebhookTest, State: dispatch.WebhookPending,
			DueAt: now, CreatedAt: now,
		}
		if err := tx.CreateWebhookDelivery(ctx, made); err != nil {
			return made, err
		}
		return made, tx.NoteReachable(ctx, id, e.Failures, time.Time{})
	})
}

// ReplayDeliveries tries again, for three more days, what was given up of what was
// made within the span, and gives how many they are.
func (d *Desk) ReplayDeliveries(ctx context.Context, call dispatch.Call, id dispatch.WebhookEndpointID, made dispatch.Span) (int64, error) {
	return dispatch.Once(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (int64, error) {
		e, now, err := lockEnabled(ctx, tx, id)
		if err != nil {
			return 0, err
		}
		if err := tx.NoteReachable(ctx, id, e.Failures, time.Time{}); err != nil {
			return 0, err
		}
		return tx.ReviveWebhookDeliveries(ctx, id, made, now)
	})
}

func lockEnabled(ctx context.Context, tx dispatch.Tx, id dispatch.WebhookEndpointID) (dispatch.WebhookEndpoint, time.Time, error) {
	e, err := tx.LockWebhookEndpoint(ctx, id)
	if err == nil && e.State != dispatch.EndpointEnabled {
		err = dispatch.Refuse(dispatch.ReasonMoveNotAllowed, e.Name(), "it is %s; enable it first", e.State).With("state", string(e.State))
	}
	if err != nil {
		return e, time.Time{}, err
	}
	now, err := tx.Now(ctx)
	return e, now, err
}

// ListDeliveries pages deliveries by the time they were made.
func (d *Desk) ListDeliveries(ctx context.Context, call dispatch.Call, filter dispatch.WebhookDeliveryFilter, page dispatch.Page) (out []dispatch.WebhookDelivery, next string, err error) {
	err = d.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		out, next, err = tx.PageWebhookDeliveries(ctx, filter, page)
		return err
	})
	return out, next, err
}

// Secret is the key that signs for an endpoint, as the Standard Webhooks write it.
func (d *Desk) Secret(e dispatch.WebhookEndpoint) (string, error) { return d.secret(e, e.KeyNumber) }

func (d *Desk) secret(e dispatch.WebhookEndpoint, number int) (string, error) {
	key, err := d.seal.Key(dispatch.PurposeWebhookKey, e.Name()+"/"+strconv.Itoa(number))
	return "whsec_" + base64.StdEncoding.EncodeToString(key), err
}

// secrets are the keys that sign and are believed at the time now, the newest first.
func (d *Desk) secrets(e dispatch.WebhookEndpoint, now time.Time) ([]string, error) {
	var out []string
	for _, number := range e.Keys(now) {
		secret, err := d.secret(e, number)
		if err != nil {
			return nil, fmt.Errorf("derive a key of %s: %w", e.Name(), err)
		}
		out = append(out, secret)
	}
	return out, nil
}
