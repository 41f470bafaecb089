package workflows

import (
	"context"
	"log/slog"
	"time"
)

// pace is how often a loop asks for work: at once while there is some, then ever
// more rarely, and more rarely still while asking fails.
type pace struct {
	busy, idle, broken time.Duration
}

// polling is the pace with another rest between two polls that find nothing; 0
// leaves it.
func (p pace) polling(idle time.Duration) pace {
	if idle > 0 {
		p.idle, p.busy = idle, min(p.busy, idle)
	}
	return p
}

// run calls step until ctx is done. A step that panics would take the worker
// down with it, as it should: the database keeps what it had claimed.
func (p pace) run(ctx context.Context, log *slog.Logger, name string, step func(context.Context) (int, error)) {
	wait := p.busy
	for ctx.Err() == nil {
		n, err := step(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			wait = min(max(2*wait, p.idle), p.broken)
			log.WarnContext(ctx, "loop failed and will try again", "loop", name, "again_in", wait, "error", err)
		case n > 0:
			wait = p.busy
		default:
			wait = min(2*wait, p.idle)
		}
		pause(ctx, wait)
	}
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
