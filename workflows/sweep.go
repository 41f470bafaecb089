package workflows

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

const sweepBatch = 200

// Sweeper releases the holds that nobody met after their time. Holds expire by
// their rows alone; sweeping them only tidies up, so that boards and counts are
// true also where nobody books.
type Sweeper struct {
	Store dispatch.RelayStore
	// SweepHold releases a hold if it is still held and overdue.
	SweepHold func(ctx context.Context, tenant dispatch.TenantID, id dispatch.HoldID) error
}

// Run sweeps what the pulse finds until ctx is done.
func (s *Sweeper) Run(ctx context.Context, pulse *Pulse) {
	pulse.loop(ctx, dispatch.DueHolds, "holds", s.Sweep)
}

// Sweep releases one batch of overdue holds and gives how many. A hold that
// cannot be released does not keep the others.
func (s *Sweeper) Sweep(ctx context.Context) (int, error) {
	overdue, err := s.Store.OverdueHolds(ctx, sweepBatch)
	if err != nil {
		return 0, err
	}
	released := 0
	var failed error
	for _, hold := range overdue {
		if ctx.Err() != nil {
			break
		}
		if err := s.SweepHold(ctx, hold.Tenant, hold.Hold); err != nil {
			failed = errors.Join(failed, fmt.Errorf("sweep %s: %w", hold.Hold.Name(), err))
			continue
		}
		released++
	}
	return released, failed
}

// How long what is done is kept, and how it is deleted.
const (
	keepRequests = 90 * 24 * time.Hour // phones repeat a request after weeks without a network
	keepNotices  = 30 * 24 * time.Hour
	keepWebhooks = 30 * 24 * time.Hour // dead ones can be replayed for so long
	trimBatch    = 5000
)

var trimPace = pace{busy: time.Second, idle: time.Hour, broken: time.Hour}

// Trimmer deletes idempotency keys that no client repeats any more, notices that were
// delivered long ago, and webhook deliveries that were, or were given up.
type Trimmer struct {
	Store dispatch.RelayStore
	Log   *slog.Logger
}

// Run trims until ctx is done.
func (t *Trimmer) Run(ctx context.Context) { trimPace.run(ctx, t.Log, "trim", t.Trim) }

// Trim deletes one batch and gives how many rows.
func (t *Trimmer) Trim(ctx context.Context) (int, error) {
	return t.Store.Trim(ctx, trimBatch, dispatch.Retention{Requests: keepRequests, Notices: keepNotices, Webhooks: keepWebhooks})
}
