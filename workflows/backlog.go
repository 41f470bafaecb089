package workflows

import (
	"context"
	"log/slog"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// backlogEvery is how often a worker says what waits: often enough to see that
// something stands still, rarely enough for a count over all tenants.
const backlogEvery = time.Minute

// LogBacklog writes down what is due and not done yet, every minute until ctx is
// done. It is what an operator watches.
func LogBacklog(ctx context.Context, store dispatch.RelayStore, log *slog.Logger) {
	for pause(ctx, backlogEvery); ctx.Err() == nil; pause(ctx, backlogEvery) {
		b, err := store.Backlog(ctx)
		if err != nil {
			log.WarnContext(ctx, "backlog is not known", "error", err)
			continue
		}
		log.InfoContext(ctx, "backlog", "notices", b.Notices, "looks", b.Looks, "deliveries", b.Deliveries, "holds", b.Holds)
	}
}
