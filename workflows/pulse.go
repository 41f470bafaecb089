package workflows

import (
	"context"
	"log/slog"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// pulsePace is how often a pulse asks: it follows a burst closely and leaves a
// quiet database alone.
var pulsePace = pace{busy: 10 * time.Millisecond, idle: time.Second, broken: 5 * time.Second}

// Pulse asks the database, once for all loops of a worker, what has become due,
// and wakes the loops that have work. Loops that each asked for themselves would
// cost an idle database several times as much, and one that had been quiet would
// come late to what another has just made due.
type Pulse struct {
	store dispatch.RelayStore
	grace time.Duration
	pace  pace
	log   *slog.Logger
	wake  map[dispatch.Due]chan struct{}
}

// NewPulse makes a pulse. grace is how overdue a wakeup is before its workflow is
// nudged; idle is how long a quiet worker may take to see what is due, 0 is a
// second.
func NewPulse(store dispatch.RelayStore, grace, idle time.Duration, log *slog.Logger) *Pulse {
	p := &Pulse{store: store, grace: grace, pace: pulsePace.polling(idle), log: log, wake: map[dispatch.Due]chan struct{}{}}
	for _, due := range dispatch.AllDue() {
		p.wake[due] = make(chan struct{}, 1)
	}
	return p
}

// Run asks until ctx is done.
func (p *Pulse) Run(ctx context.Context) {
	p.pace.run(ctx, p.log, "pulse", func(ctx context.Context) (int, error) {
		found, err := p.store.WhatIsDue(ctx, p.grace)
		for _, due := range found {
			select {
			case p.wake[due] <- struct{}{}:
			default: // it has been told and not come yet
			}
		}
		return len(found), err
	})
}

// loop runs a step whenever something of its kind is due, until ctx is done. A
// step that took a batch is asked again at once; one that fails rests before it
// is.
func (p *Pulse) loop(ctx context.Context, due dispatch.Due, name string, step func(context.Context) (int, error)) {
	rest := p.pace.busy
	for ctx.Err() == nil {
		n, err := step(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			rest = min(2*rest, p.pace.broken)
			p.log.WarnContext(ctx, "loop failed and will try again", "loop", name, "again_in", rest, "error", err)
			pause(ctx, rest)
		case n == 0:
			rest = p.pace.busy
			select {
			case <-ctx.Done():
			case <-p.wake[due]:
			}
		}
	}
}
