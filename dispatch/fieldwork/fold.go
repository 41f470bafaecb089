package fieldwork

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/firstfix/firstfix/dispatch"
)

// VisitFacts is what the events of one visit come to.
type VisitFacts struct {
	State      dispatch.VisitState // "" while no event has moved it
	Technician dispatch.TechnicianID
	EnRouteAt  time.Time
	ArrivedAt  time.Time
	StartedAt  time.Time
	FinishedAt time.Time
	Outcome    dispatch.Outcome
	Reason     string
	// Closing is the event that ended the visit; Overruled are those that would
	// have ended it otherwise, later: somebody has to settle which is right.
	Closing   uuid.UUID
	Overruled []uuid.UUID
}

// Presence is the first moment at which the technician is known to have been
// there; zero while he is not. Whoever began or ended the work had arrived.
func (f VisitFacts) Presence() time.Time {
	var first time.Time
	for _, t := range []time.Time{f.ArrivedAt, f.StartedAt, f.FinishedAt} {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// Fold reads the events of one visit in the order in which they happened,
// whatever the order in which they came: an event counts if it takes the visit
// further, and the first one that ends it, ends it. It is a function of the set
// of events: repeated ones change nothing.
func Fold(events []dispatch.FieldEvent) VisitFacts {
	sorted := slices.SortedFunc(slices.Values(events), dispatch.CompareEvents)
	var facts VisitFacts
	for _, e := range sorted {
		facts.take(e)
	}
	return facts
}

// progress orders the states that events lead to.
var progress = map[dispatch.VisitState]int{
	dispatch.VisitEnRoute: 1, dispatch.VisitOnSite: 2, dispatch.VisitInProgress: 3, dispatch.VisitClosed: 4,
}

func (f *VisitFacts) take(e dispatch.FieldEvent) {
	to, ok := stateAfter(e.Kind)
	if !ok {
		return
	}
	if f.State == dispatch.VisitClosed && to == dispatch.VisitClosed {
		outcome, reason := outcomeOf(e)
		if e.ID != f.Closing && (outcome != f.Outcome || reason != f.Reason) && !slices.Contains(f.Overruled, e.ID) {
			f.Overruled = append(f.Overruled, e.ID)
		}
		return
	}
	if progress[to] <= progress[f.State] {
		return
	}
	f.State = to
	if f.Technician.IsZero() {
		f.Technician = e.Technician
	}
	switch to {
	case dispatch.VisitEnRoute:
		f.EnRouteAt = e.OccurredAt
	case dispatch.VisitOnSite:
		f.ArrivedAt = e.OccurredAt
	case dispatch.VisitInProgress:
		f.StartedAt = e.OccurredAt
	case dispatch.VisitClosed:
		f.FinishedAt, f.Closing = e.OccurredAt, e.ID
		f.Outcome, f.Reason = outcomeOf(e)
	}
}

func stateAfter(kind dispatch.EventKind) (dispatch.VisitState, bool) {
	switch kind {
	case dispatch.EventEnRoute:
		return dispatch.VisitEnRoute, true
	case dispatch.EventArrived:
		return dispatch.VisitOnSite, true
	case dispatch.EventStarted:
		return dispatch.VisitInProgress, true
	case dispatch.EventNeedsReturn, dispatch.EventNoAccess, dispatch.EventCompleted:
		return dispatch.VisitClosed, true
	}
	return "", false
}

func outcomeOf(e dispatch.FieldEvent) (dispatch.Outcome, string) {
	switch e.Kind {
	case dispatch.EventNeedsReturn:
		return dispatch.OutcomeNeedsReturn, e.Detail.Reason
	case dispatch.EventNoAccess:
		return dispatch.OutcomeNoAccess, e.Detail.Reason
	}
	return e.Detail.Outcome, e.Detail.Reason
}

// outOfOrder reports whether what comes before an event is not there yet, as far
// as the facts know: the visit has jumped ahead.
func outOfOrder(e dispatch.FieldEvent, f VisitFacts) bool {
	missing := func(t time.Time) bool { return t.IsZero() || t.After(e.OccurredAt) }
	switch e.Kind {
	case dispatch.EventStarted:
		return missing(f.ArrivedAt)
	case dispatch.EventNeedsReturn, dispatch.EventCompleted:
		return missing(f.StartedAt)
	}
	// After the end, nothing has its place any more.
	return !f.FinishedAt.IsZero() && e.OccurredAt.After(f.FinishedAt)
}
