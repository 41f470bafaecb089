package workflows

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// The limits of handing over. A post ends within its lease also when its endpoint
// hangs, and what is settled meanwhile makes room for others at once.
const (
	postsAtOnce = 64 // in one worker
	postLease   = 60 * time.Second
	settleTime  = 10 * time.Second
)

// HandOff posts the changes of referrals to the CRMs of tenants: at least once, with
// one id for ever. Endpoints do not wait for each other: each has few posts under way,
// and one that answers nobody rests.
type HandOff struct {
	Relay   dispatch.RelayStore
	Attempt func(context.Context, dispatch.LeasedWebhookDelivery) (dispatch.WebhookAttempt, error)
	Post    func(context.Context, dispatch.WebhookAttempt) dispatch.WebhookAnswer
	Settle  func(context.Context, dispatch.WebhookAttempt, dispatch.WebhookAnswer) (settled dispatch.WebhookDelivery, held bool, err error)
	Log     *slog.Logger
}

// Run posts what the pulse finds until ctx is done, and then waits for what is under
// way.
func (h *HandOff) Run(ctx context.Context, pulse *Pulse) {
	var posts sync.WaitGroup
	defer posts.Wait()
	room := make(chan struct{}, postsAtOnce)
	pulse.loop(ctx, dispatch.DueWebhooks, "webhooks", func(ctx context.Context) (int, error) {
		free, err := waitForRoom(ctx, room)
		if err != nil {
			return 0, err
		}
		claimed, err := h.Relay.ClaimWebhooks(ctx, free, postLease)
		if err != nil {
			return 0, err
		}
		for _, leased := range claimed {
			room <- struct{}{} // there is room for as many as were asked for
			posts.Go(func() {
				defer func() { <-room }()
				h.one(ctx, leased)
			})
		}
		return len(claimed), nil
	})
}

// waitForRoom gives how many posts may begin, at least one.
func waitForRoom(ctx context.Context, room chan struct{}) (int, error) {
	select {
	case room <- struct{}{}:
		<-room
		return cap(room) - len(room), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// one makes one attempt. What it fails to read or to settle is claimed again when
// its lease has ended.
func (h *HandOff) one(ctx context.Context, leased dispatch.LeasedWebhookDelivery) {
	begun := time.Now()
	attempt, err := h.Attempt(ctx, leased)
	if err != nil {
		if ctx.Err() == nil {
			h.Log.WarnContext(ctx, "webhook could not be posted", "tenant", leased.Tenant, "delivery", leased.Delivery, "error", err)
		}
		return
	}
	// A worker that stops waits for the answer, so as not to post twice.
	ctx = context.WithoutCancel(ctx)
	answer := h.Post(ctx, attempt)
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	settled, held, err := h.Settle(ctx, attempt, answer)
	level := slog.LevelInfo
	if settled.State == dispatch.WebhookDead || err != nil || !held {
		level = slog.LevelWarn
	}
	h.Log.Log(ctx, level, "webhook", "tenant", leased.Tenant, "endpoint", leased.Endpoint, "delivery", leased.Delivery, "status", answer.Status,
		"state", settled.State, "reason", settled.Reason, "attempts", settled.Attempts, "duration", time.Since(begun), "held", held, "error", err)
}
