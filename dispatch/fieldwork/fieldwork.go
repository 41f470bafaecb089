// Package fieldwork holds the use cases of the technician: his day, what his
// device reports from the field, and what comes of it: visits that move, promises
// kept or missed, work orders resolved, and the verdict whether they stay so.
//
// It does not plan anybody's time and books nothing: a return visit is made here
// and placed by dispatch/planning. dispatch/grpcapi calls it for devices,
// workflows for the Look methods.
package fieldwork

import (
	"log/slog"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// Fieldwork is the use cases. It keeps nothing between calls.
type Fieldwork struct {
	store dispatch.Store
	seal  *dispatch.Seal // of the cursors of Sync
	log   *slog.Logger   // of what goes wrong with single events of a call that succeeds
}

// New takes the store that everything is true in, the seal of cursors, and the
// log.
func New(store dispatch.Store, seal *dispatch.Seal, log *slog.Logger) *Fieldwork {
	return &Fieldwork{store: store, seal: seal, log: log}
}

// What is judged by time. Domain time, except where a device's clock speaks.
const (
	// maxEventAge is how long a device may have been offline.
	maxEventAge = 90 * 24 * time.Hour
	// maxClockAhead lets a device whose clock is days wrong report at all; what
	// is further ahead cannot be put in order with anything.
	maxClockAhead = 72 * time.Hour
	// clockSkew is how far ahead of us an event may seem before it is flagged.
	clockSkew = 5 * time.Minute
	// onTheWayFresh is how old "on the way" may be and still be news to a
	// customer.
	onTheWayFresh = time.Hour
	// conflictTries is how often events of a visit are tried while others change
	// the same rows, before the device is asked to send them again.
	conflictTries = 3
	// lateGrace is how late a technician may be before anybody is told.
	lateGrace = 15 * time.Minute
)
