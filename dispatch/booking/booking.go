// Package booking is what customers do, and staff on their behalf: search for
// arrival windows, hold one, make it a promise, move it, call it off.
//
// dispatch/grpcapi calls it for requests, workflows for what is due, and the
// sweeper for holds that nobody released. It decides with the rules of dispatch
// and the insertion of scheduler, reads and writes through dispatch.Store, and
// knows neither SQL nor messages. It never waits for a workflow: what a long
// process must hear of is a notice in the same transaction.
package booking

import (
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

const (
	// offerLife is how long an offer can be turned into a hold.
	offerLife = 10 * time.Minute
	// MaxExtensions is how often a hold may be extended.
	MaxExtensions = 3
	// maxHolds is how many live holds a customer may have at once, maxStaffHolds
	// how many somebody who books for many.
	maxHolds      = 3
	maxStaffHolds = 200
	// maxSearchDays is the longest range of one search.
	maxSearchDays = 62
	// linkLife is how long after its window the link of an appointment opens.
	linkLife = 30 * 24 * time.Hour
)

// Booking holds the use cases.
type Booking struct {
	store  dispatch.Store
	travel dispatch.Travel
	seal   *dispatch.Seal
}

// New makes the use cases.
func New(store dispatch.Store, travel dispatch.Travel, seal *dispatch.Seal) *Booking {
	return &Booking{store: store, travel: travel, seal: seal}
}
