package dispatch

import (
	"context"
	"time"
)

// Look is what a use case tells the workflow that asked it to look at its rows:
// come back after Wait, or never again.
type Look struct {
	Done bool
	Wait time.Duration
}

// SleepUntil writes the wakeup in the transaction that read the rows and gives
// how long that is from domain time now.
func SleepUntil(ctx context.Context, tx Tx, w Wakeup) (Look, error) {
	now, err := tx.Now(ctx)
	if err != nil {
		return Look{}, err
	}
	if err := tx.SetWakeup(ctx, w); err != nil {
		return Look{}, err
	}
	return Look{Wait: max(w.DueAt.Sub(now), 0)}, nil
}

// Rest removes the wakeup: nothing is left to wait for.
func Rest(ctx context.Context, tx Tx, workflow string) (Look, error) {
	return Look{Done: true}, tx.ClearWakeup(ctx, workflow)
}
