package fieldwork

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// take stores the events of one visit and moves it, in one transaction. If that
// fails, each event is tried by itself, so that a poisonous one is found: it is
// parked as rejected, and what could not be tried is deferred.
func (u *upload) take(ctx context.Context, group []int) {
	err := u.tryTogether(ctx, group)
	if err == nil {
		return
	}
	if len(group) > 1 {
		for _, i := range group {
			u.take(ctx, []int{i})
		}
		return
	}
	i := group[0]
	e := &u.batch[i].Event
	r := &u.results[i]
	if transient(err) || u.parkPoison(ctx, i, err) != nil {
		r.Status, r.Flags = Deferred, nil
		errors.As(err, &r.Err) // a bare error stays in the log
		u.log.WarnContext(ctx, "event deferred", "event", e.ID, "kind", e.Kind, "visit", e.Visit, "error", err)
		return
	}
	u.log.ErrorContext(ctx, "event parked", "event", e.ID, "kind", e.Kind, "visit", e.Visit, "error", err)
}

// transient reports whether the same event may succeed later.
func transient(err error) bool {
	switch dispatch.ReasonOf(err) {
	case dispatch.ReasonTransactionConflict, dispatch.ReasonDatabaseUnavailable, dispatch.ReasonEtagMismatch:
		return true
	}
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// parkPoison stores an event that broke its transaction as rejected: it is kept
// for somebody to look at, and the device is rid of it.
func (u *upload) parkPoison(ctx context.Context, i int, cause error) error {
	var refused *dispatch.Error
	if !errors.As(cause, &refused) {
		refused = dispatch.Refuse(dispatch.ReasonInternal, "", "it could not be applied; it is kept for somebody to look at").Because(cause)
	}
	r := Result{Event: u.batch[i].Event.ID, Status: Rejected, Err: refused}
	err := u.store.InTx(ctx, u.tenant, func(ctx context.Context, tx dispatch.Tx) error {
		e := &u.batch[i].Event
		e.Disposition, e.Reason = dispatch.EventRejected, string(refused.Reason)
		return u.add(ctx, tx, []int{i}, func(int) *Result { return &r })
	})
	if err == nil {
		u.results[i] = r
	}
	return err
}

func (u *upload) tryTogether(ctx context.Context, group []int) error {
	var err error
	for range conflictTries {
		var answers map[int]*Result
		err = u.store.InTx(ctx, u.tenant, func(ctx context.Context, tx dispatch.Tx) error {
			var err error
			answers, err = u.takeTogether(ctx, tx, group)
			return err
		})
		if err == nil {
			for i, r := range answers {
				u.results[i] = *r
			}
			return nil
		}
		if dispatch.ReasonOf(err) != dispatch.ReasonTransactionConflict {
			return err
		}
	}
	return err
}

func (u *upload) takeTogether(ctx context.Context, tx dispatch.Tx, group []int) (map[int]*Result, error) {
	answers := make(map[int]*Result, len(group))
	for _, i := range group {
		r := u.results[i] // with its flags
		answers[i] = &r
	}
	id := u.batch[group[0]].Event.Visit
	moving := slices.ContainsFunc(group, func(i int) bool { return u.batch[i].Event.Moves() })
	s, err := sceneOf(ctx, tx, id, moving)
	if dispatch.ReasonOf(err) == dispatch.ReasonResourceNotFound {
		s, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	placed, err := u.place(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	for _, i := range group {
		e := &u.batch[i].Event
		e.Disposition, e.Reason = placed.disposition, placed.reason
		r := answers[i]
		r.Status, r.Err = placed.status, placed.err
		r.Flags = append(slices.Clone(r.Flags), placed.flags...)
	}
	err = u.add(ctx, tx, group, func(i int) *Result { return answers[i] })
	if err != nil || placed.disposition != dispatch.EventTaken || !moving {
		return answers, err
	}
	events, err := tx.EventsOf(ctx, id)
	if err != nil {
		return nil, err
	}
	facts := Fold(events)
	if err := s.apply(ctx, tx, facts); err != nil {
		return nil, err
	}
	for _, i := range group {
		afterFold(u.batch[i].Event, answers[i], facts)
	}
	return answers, nil
}

// sceneOf locks what moving events may change; events that only add to a visit
// need to know whose it is and no more.
func sceneOf(ctx context.Context, tx dispatch.Tx, id dispatch.VisitID, moving bool) (*scene, error) {
	if moving {
		return lockScene(ctx, tx, id)
	}
	visit, err := tx.GetVisit(ctx, id)
	if err != nil {
		return nil, err
	}
	s := &scene{visit: visit, commitments: map[dispatch.VisitID]dispatch.Commitment{}}
	c, found, err := tx.CommitmentOfVisit(ctx, id)
	if found {
		s.commitments[id] = c
	}
	return s, err
}

// placement is what is done with the events of a technician for one visit.
type placement struct {
	disposition dispatch.Disposition
	reason      string
	status      Status
	err         *dispatch.Error
	flags       []Flag
}

// place decides by whose the visit is. What was his, and was moved or cancelled
// while he was offline, is no fault of his: it is kept for somebody to settle.
func (u *upload) place(ctx context.Context, tx dispatch.Tx, s *scene) (placement, error) {
	refused := dispatch.Refuse(dispatch.ReasonNotAssigned, "", "the visit is not one of yours")
	stranger := placement{
		disposition: dispatch.EventRejected, reason: string(refused.Reason), status: Rejected, err: refused,
	}
	if s == nil {
		return stranger, nil
	}
	mine := s.belongsTo(u.technician)
	if mine && s.visit.State != dispatch.VisitCancelled {
		return placement{disposition: dispatch.EventTaken, status: Accepted}, nil
	}
	if !mine {
		was, err := tx.WasAssigned(ctx, s.visit.ID, u.technician)
		if err != nil || !was {
			return stranger, err
		}
	}
	if s.visit.State == dispatch.VisitCancelled {
		return placement{
			disposition: dispatch.EventConflict, reason: lateAfterCancel, status: Accepted, flags: []Flag{LateAfterCancel},
		}, nil
	}
	moved := dispatch.Refuse(dispatch.ReasonNotAssigned, "", "the visit was yours and is somebody else's now; the event is kept beside it")
	return placement{disposition: dispatch.EventConflict, reason: string(moved.Reason), status: Conflict, err: moved}, nil
}

// afterFold adds what the fold says about an event that was taken.
func afterFold(e dispatch.FieldEvent, r *Result, facts VisitFacts) {
	if r.Status != Accepted || !e.Moves() {
		return
	}
	if slices.Contains(facts.Overruled, e.ID) {
		r.Status = Conflict
		r.Err = dispatch.Refuse(dispatch.ReasonTerminalState, e.Visit.Name(),
			"the visit ended as %s at %s; both are kept", facts.Outcome, facts.FinishedAt.Format(time.RFC3339)).
			With("state", string(dispatch.VisitClosed))
	}
	if outOfOrder(e, facts) {
		r.Flags = append(r.Flags, OutOfOrder)
	}
}
