package fieldwork

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/firstfix/firstfix/dispatch"
)

// MaxBatch is how many events one call may bring.
const MaxBatch = 500

// Submitted is one event as it came. Fault is set where its shape is wrong: it is
// parked then, so that it blocks nothing.
type Submitted struct {
	Event dispatch.FieldEvent
	Fault *dispatch.Error
}

// Status is what became of an event.
type Status int

// The statuses. A device may delete an event of every status but Deferred.
const (
	Accepted Status = iota + 1
	Duplicate
	Conflict
	Rejected
	Deferred // not stored; to be sent again
)

// Flag is something noticed about an event that was not refused for it.
type Flag int

// The flags.
const (
	OutOfOrder Flag = iota + 1
	LateAfterCancel
	SeqRegressed
	HoursImplausible
	ClockSkewed
	LocationMocked
)

// lateAfterCancel is the reason in the ledger of an event for a visit that was
// cancelled when it came.
const lateAfterCancel = "LATE_AFTER_CANCEL"

// Result is the answer to one event.
type Result struct {
	Event  uuid.UUID
	Status Status
	Err    *dispatch.Error // why it was rejected or conflicts
	Flags  []Flag
}

// Progress is how far the events of an installation are.
type Progress struct {
	Device    uuid.UUID
	Epoch     int64
	HighWater int64 // every event up to this number is stored
	Missing   []Range
}

// UploadEvents stores a batch of events of the caller's devices, in any order,
// and moves the visits that they are about. Each event has an answer of its own;
// the call fails only if nothing could be tried.
//
// An answer other than Deferred is given after the commit that made it true.
func (f *Fieldwork) UploadEvents(ctx context.Context, call dispatch.Call, batch []Submitted) ([]Result, []Progress, error) {
	technician := call.Principal.Technician
	if technician.IsZero() {
		return nil, nil, dispatch.Refuse(dispatch.ReasonAccessDenied, "", "only a technician's device uploads events")
	}
	if len(batch) > MaxBatch {
		return nil, nil, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "events",
			"there are %d, expected at most %d", len(batch), MaxBatch)
	}
	u := newUpload(f, call.Principal.Tenant, technician, batch)
	if err := u.sift(ctx); err != nil {
		return nil, nil, err
	}
	for _, group := range u.byVisit() {
		u.take(ctx, group)
	}
	u.answerTwins()
	progress, err := u.progress(ctx)
	return u.results, progress, err
}

// upload is one call under way.
type upload struct {
	*Fieldwork
	tenant     dispatch.TenantID
	technician dispatch.TechnicianID
	batch      []Submitted
	results    []Result // of the batch, Status 0 while undecided
	epochs     []dispatch.DeviceEpoch
}

func newUpload(f *Fieldwork, tenant dispatch.TenantID, technician dispatch.TechnicianID, batch []Submitted) *upload {
	u := &upload{Fieldwork: f, tenant: tenant, technician: technician, batch: batch}
	seen := map[dispatch.DeviceEpoch]bool{}
	for i := range batch {
		e := &u.batch[i].Event
		e.Technician = technician
		if u.batch[i].Fault == nil {
			u.batch[i].Fault = faultOf(*e)
		}
		if u.batch[i].Fault != nil {
			e.Detail = dispatch.EventDetail{} // what is malformed is not kept
		}
		// The database keeps microseconds; what is compared must be what is kept.
		e.OccurredAt = e.OccurredAt.UTC().Truncate(time.Microsecond)
		if key := (dispatch.DeviceEpoch{Device: e.Device, Epoch: e.Epoch, Technician: technician}); !seen[key] {
			seen[key] = true
			u.epochs = append(u.epochs, key)
		}
	}
	return u
}

// sift answers in one transaction all that needs no visit: events that are known,
// that can never be right, and that are about no visit.
func (u *upload) sift(ctx context.Context) error {
	var results []Result
	err := u.store.InTx(ctx, u.tenant, func(ctx context.Context, tx dispatch.Tx) error {
		results = make([]Result, len(u.batch))
		for i := range u.batch {
			results[i].Event = u.batch[i].Event.ID
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		claimed, err := tx.ClaimDeviceEpochs(ctx, u.epochs)
		if err != nil {
			return err
		}
		foreign := u.foreign(claimed)
		known, err := u.known(ctx, tx, claimed)
		if err != nil {
			return err
		}
		var store []int
		for i := range u.batch {
			decided, err := u.siftOne(ctx, tx, i, now, foreign, known, &results[i])
			if err != nil {
				return err
			}
			if decided {
				store = append(store, i)
			}
		}
		return u.park(ctx, tx, store, results)
	})
	u.results = results
	return err
}

// siftOne looks at event i and reports whether it is to be stored now.
func (u *upload) siftOne(ctx context.Context, tx dispatch.Tx, i int, now time.Time, foreign map[deviceEpoch]bool, known *ledger, r *Result) (bool, error) {
	s := &u.batch[i]
	hash, err := s.Event.Hash()
	if err != nil {
		return false, err
	}
	if stored, ok := known.hashes[deviceEvent{s.Event.Device, s.Event.ID}]; ok {
		return false, u.again(ctx, tx, s.Event, hash, stored, r)
	}
	r.Flags = flagsOf(s.Event, now, known)
	known.add(s.Event, hash)
	switch {
	case u.reject(s, now, foreign, r):
		return true, nil
	case s.Event.Visit.IsZero():
		s.Event.Disposition = dispatch.EventTaken
		r.Status = Accepted
		return true, nil
	}
	return false, nil
}

// reject finds what can never be right about an event, whatever its visit.
func (u *upload) reject(s *Submitted, now time.Time, foreign map[deviceEpoch]bool, r *Result) bool {
	at := s.Event.OccurredAt
	switch {
	case foreign[deviceEpoch{s.Event.Device, s.Event.Epoch}]:
		r.Err = dispatch.Refuse(dispatch.ReasonAccessDenied, "", "this installation of the app belongs to another technician; start a new epoch")
	case s.Fault != nil:
		r.Err = s.Fault
	case at.Before(now.Add(-maxEventAge)) || at.After(now.Add(maxClockAhead)):
		r.Err = dispatch.InvalidField(dispatch.ReasonEventOutOfRange, "occur_time", "%s is not within %d days before and %d after now",
			at.Format(time.RFC3339), int(maxEventAge.Hours()/24), int(maxClockAhead.Hours()/24))
	default:
		return false
	}
	s.Event.Disposition, s.Event.Reason = dispatch.EventRejected, string(r.Err.Reason)
	r.Status = Rejected
	return true
}

// again answers an event whose id is taken: by itself, or by another content,
// which is kept beside it.
func (u *upload) again(ctx context.Context, tx dispatch.Tx, e dispatch.FieldEvent, hash, stored []byte, r *Result) error {
	r.Status, r.Flags = Duplicate, nil
	if bytes.Equal(hash, stored) {
		return nil
	}
	r.Status = Conflict
	r.Err = dispatch.InvalidField(dispatch.ReasonEventIDReused, "event_id", "%s was used for another event; both are kept", e.ID)
	return tx.AddEventConflict(ctx, e)
}

// park stores the events that sift has answered. One that another upload of the
// same device has stored meanwhile is answered again.
func (u *upload) park(ctx context.Context, tx dispatch.Tx, which []int, results []Result) error {
	return u.add(ctx, tx, which, func(i int) *Result { return &results[i] })
}

// add stores events, moves the parts that they report, and answers again those whose
// id was taken meanwhile.
func (u *upload) add(ctx context.Context, tx dispatch.Tx, which []int, result func(int) *Result) error {
	events := make([]dispatch.FieldEvent, len(which))
	for n, i := range which {
		events[n] = u.batch[i].Event
	}
	added, err := tx.AddEvents(ctx, events)
	if err != nil {
		return err
	}
	isNew := map[uuid.UUID]bool{}
	for _, id := range added {
		isNew[id] = true
	}
	if err := useParts(ctx, tx, slices.DeleteFunc(events, func(e dispatch.FieldEvent) bool {
		return !isNew[e.ID] || e.Disposition == dispatch.EventRejected
	})); err != nil {
		return err
	}
	for _, i := range which {
		e := u.batch[i].Event
		if isNew[e.ID] {
			continue
		}
		stored, err := tx.KnownEvents(ctx, e.Device, []uuid.UUID{e.ID})
		if err != nil {
			return err
		}
		hash, err := e.Hash()
		if err != nil {
			return err
		}
		if err := u.again(ctx, tx, e, hash, stored[e.ID], result(i)); err != nil {
			return err
		}
	}
	return nil
}

// answerTwins keeps an event that stands in the batch twice from being deleted by
// its device while its first copy is not stored.
func (u *upload) answerTwins() {
	first := map[deviceEvent]Status{}
	for i, r := range u.results {
		key := deviceEvent{u.batch[i].Event.Device, r.Event}
		status, seen := first[key]
		if !seen {
			first[key] = r.Status
		} else if status == Deferred {
			u.results[i] = Result{Event: r.Event, Status: Deferred}
		}
	}
}

// foreign gives the installations that are somebody else's.
func (u *upload) foreign(claimed []dispatch.DeviceEpoch) map[deviceEpoch]bool {
	out := map[deviceEpoch]bool{}
	for _, e := range claimed {
		if e.Technician != u.technician {
			out[deviceEpoch{e.Device, e.Epoch}] = true
		}
	}
	return out
}

// byVisit gives the undecided events of the batch, those of a visit together, in
// the order in which visits appear.
func (u *upload) byVisit() [][]int {
	at := map[dispatch.VisitID]int{}
	var groups [][]int
	for i := range u.batch {
		if u.results[i].Status != 0 {
			continue
		}
		visit := u.batch[i].Event.Visit
		group, ok := at[visit]
		if !ok {
			group = len(groups)
			at[visit] = group
			groups = append(groups, nil)
		}
		groups[group] = append(groups[group], i)
	}
	return groups
}
