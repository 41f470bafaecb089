// Package workforce is the administrator's room: the use cases that keep the map,
// the catalogue, technicians and their time, members, customers and places, and
// that read a city's requests into work.
//
// It plans nothing: what it changes under a plan (an absence, a shorter shift) it
// takes from the technician and leaves to the planner through a notice. Handlers
// of dispatch/grpcapi call it, and cmd/firstfix runs its importer.
package workforce

import "github.com/firstfix/firstfix/dispatch"

// Workforce is the use cases of the administrator.
type Workforce struct {
	store dispatch.Store
}

// New makes the use cases over a store.
func New(store dispatch.Store) *Workforce { return &Workforce{store: store} }
