package replay

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// worker is a generated technician with his device.
type worker struct {
	*replay
	recruit
	tag        string // subject of his tokens
	technician string // resource name
	token      string

	device  string // id
	seq     int64  // of the last event
	batch   int    // number of the last upload
	cursor  string
	visits  map[string]*pb.AssignedVisit // as last synced, by name
	begun   map[string]bool              // visits that he set off to
	outbox  []*pb.FieldEvent
	offline time.Time // no network until then

	shift span // of today
}

// span is a time from start to end.
type span struct{ start, end time.Time }

const (
	// idleWait is how often a technician with nothing to do looks again, and
	// lateIdleWait how often after the played days: all at the same times of the
	// clock, so that it stops there once.
	idleWait     = 10 * time.Minute
	lateIdleWait = time.Hour
	// beforeHand is how much earlier than planned a technician sets off at most.
	beforeHand = 2 * time.Minute
	// overtime is how long after his shift a technician still starts work.
	overtime = 30 * time.Minute
)

// planDays puts the starts of a technician's shifts into the queue.
func (r *replay) planDays(w *worker) {
	for day := r.from; day.Before(r.runOut()); day = day.AddDate(0, 0, 1) {
		if !w.works(day, r.company.crew[w.area]) {
			continue
		}
		shift := shiftOn(day, w.technician, w.area)
		today := span{shift.GetStartTime().AsTime(), shift.GetEndTime().AsTime()}
		d := r.seed.of("morning", w.tag, day.Format(time.DateOnly))
		r.queue.plan(today.start.Add(-d.between(0, 10*time.Minute)), func(ctx context.Context) error {
			return w.startDay(ctx, d, today)
		})
	}
}

// startDay fetches the day. Some afternoons have no network.
func (w *worker) startDay(ctx context.Context, d dice, today span) error {
	w.shift, w.offline = today, time.Time{}
	if d.chance(offlineChance) {
		noon := today.start.Add(5 * time.Hour)
		w.queue.plan(noon, func(context.Context) error { return w.loseNetwork(d.between(90*time.Minute, 4*time.Hour)) })
	}
	return w.next(ctx)
}

// loseNetwork keeps events on the device for a while.
func (w *worker) loseNetwork(length time.Duration) error {
	until := w.now.Add(length)
	if until.After(w.offline) {
		w.offline = until
		w.queue.plan(until, w.flush)
	}
	return nil
}

// next looks at the day and takes the next visit: sets off if it is time, looks
// again later if it is not, ends the day if it is over.
func (w *worker) next(ctx context.Context) error {
	if err := w.sync(ctx); err != nil {
		return err
	}
	if w.now.After(w.shift.end.Add(overtime)) {
		return w.endDay(ctx)
	}
	visit := w.upcoming()
	if visit == nil {
		again := w.nextGlance()
		if !again.Before(w.shift.end) {
			return w.endDay(ctx)
		}
		w.queue.plan(again, w.next)
		return nil
	}
	v := visit.GetVisit()
	leave := v.GetPlannedStartTime().AsTime().Add(-v.GetPlannedTravel().AsDuration() - beforeHand)
	if leave.After(w.now) {
		w.queue.plan(earliest(leave, w.nextGlance()), w.next)
		return nil
	}
	return w.setOff(ctx, visit)
}

// nextGlance is when a technician without anything to do looks at his device.
func (w *worker) nextGlance() time.Time {
	wait := idleWait
	if !w.now.Before(w.until) {
		wait = lateIdleWait
	}
	return w.now.Truncate(wait).Add(wait)
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// upcoming is the visit of today that is planned next; nil if there is none.
func (w *worker) upcoming() *pb.AssignedVisit {
	var today []*pb.AssignedVisit
	for _, visit := range w.visits {
		v := visit.GetVisit()
		start := v.GetPlannedStartTime().AsTime()
		mine := v.GetTechnician() == w.technician && v.GetState() == pb.VisitState_VISIT_STATE_PLANNED && !w.begun[v.GetName()]
		if mine && !start.Before(w.shift.start.Add(-time.Hour)) && start.Before(w.shift.end.Add(time.Hour)) {
			today = append(today, visit)
		}
	}
	if len(today) == 0 {
		return nil
	}
	return slices.MinFunc(today, func(a, b *pb.AssignedVisit) int {
		return cmp.Or(a.GetVisit().GetPlannedStartTime().AsTime().Compare(b.GetVisit().GetPlannedStartTime().AsTime()),
			cmp.Compare(keyOf(a), keyOf(b)))
	})
}

// keyOf names a visit by what is the same in every run: the request, and which
// visit of its work order it is.
func keyOf(v *pb.AssignedVisit) string {
	return v.GetWorkOrder().GetExternalReference() + "/" + strconv.Itoa(int(v.GetVisit().GetOrdinal()))
}

// trip is a visit under way.
type trip struct {
	*worker
	visit   *pb.AssignedVisit
	dice    dice
	ends    result
	left    time.Time
	arrived time.Time
}

// setOff drives to a visit. Who is early waits in the van for the window.
func (w *worker) setOff(ctx context.Context, visit *pb.AssignedVisit) error {
	v := visit.GetVisit()
	w.begun[v.GetName()] = true
	d := w.seed.of("visit", keyOf(visit))
	t := &trip{worker: w, visit: visit, dice: d, left: w.now}
	t.ends = temperOf(w.byID[visit.GetWorkOrder().GetExternalReference()].Type, v.GetOrdinal()).roll(d)
	travel := d.travelTime(v.GetPlannedTravel().AsDuration())
	t.arrived = w.now.Add(travel)
	if window := v.GetWindow(); window != nil && t.arrived.Before(window.GetStartTime().AsTime()) {
		t.arrived = window.GetStartTime().AsTime()
	}
	w.tally.travelled += travel
	t.record(&pb.FieldEvent{Kind: &pb.FieldEvent_EnRoute_{EnRoute: &pb.FieldEvent_EnRoute{}}}, w.now)
	settled := t.arrived.Add(d.between(time.Minute, 4*time.Minute)) // from the kerb to the work
	w.queue.plan(settled, t.begin)
	return w.upload(ctx)
}

// begin reports the arrival and the start of work, which a device does in one go.
func (t *trip) begin(ctx context.Context) error {
	t.record(&pb.FieldEvent{Kind: &pb.FieldEvent_Arrived_{Arrived: &pb.FieldEvent_Arrived{}}}, t.arrived)
	if t.ends != resultNoAccess {
		t.record(&pb.FieldEvent{Kind: &pb.FieldEvent_Started_{Started: &pb.FieldEvent_Started{}}}, t.now)
	}
	service := t.visit.GetService()
	mean := service.GetDuration().AsDuration()
	if own := t.visit.GetVisit().GetDuration(); own != nil {
		mean = own.AsDuration()
	}
	took := t.dice.workTime(mean, service.GetSpread().AsDuration(), t.ends)
	t.tally.worked += took
	t.queue.plan(t.now.Add(took), t.finish)
	return t.upload(ctx)
}

// finish reports what the visit came to, perhaps a lead for sales, and goes on.
func (t *trip) finish(ctx context.Context) error {
	event := &pb.FieldEvent{}
	outcome := "RESOLVED"
	switch t.ends {
	case resultResolved:
		event.Kind = &pb.FieldEvent_Completed_{Completed: &pb.FieldEvent_Completed{
			Outcome: pb.VisitOutcome_VISIT_OUTCOME_RESOLVED, Note: "Done.",
		}}
	case resultCalledOff:
		outcome = "CANCELLED_ON_SITE"
		event.Kind = &pb.FieldEvent_Completed_{Completed: &pb.FieldEvent_Completed{
			Outcome: pb.VisitOutcome_VISIT_OUTCOME_CANCELLED_ON_SITE, Note: "Nothing to be done here.",
		}}
	case resultNeedsReturn:
		outcome = "NEEDS_RETURN"
		reason, note := t.dice.returnReason()
		event.Kind = &pb.FieldEvent_NeedsReturn_{NeedsReturn: &pb.FieldEvent_NeedsReturn{Reason: reason, Note: note}}
	case resultNoAccess:
		outcome = "NO_ACCESS"
		event.Kind = &pb.FieldEvent_NoAccess_{NoAccess: &pb.FieldEvent_NoAccess{Note: "Rang and called."}}
		t.mayCallAgain()
	}
	t.record(event, t.now)
	t.tally.outcomes[outcome]++
	t.tally.day(t.now.In(t.zone)).Visits++
	t.queue.plan(t.now.Add(t.dice.between(time.Minute, 3*time.Minute)), t.next)
	if err := t.upload(ctx); err != nil {
		return err
	}
	if t.ends != resultNoAccess && t.dice.chance(referralChance) {
		return t.refer(ctx)
	}
	return nil
}

// record puts an event about the visit into the device's outbox.
func (t *trip) record(event *pb.FieldEvent, at time.Time) {
	event.Visit, event.BaseEtag = t.visit.GetVisit().GetName(), t.visit.GetVisit().GetEtag()
	t.worker.record(event, at)
}

// endDay counts what nobody got round to, and empties the outbox.
func (w *worker) endDay(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(w.visits)) {
		v := w.visits[name].GetVisit()
		start := v.GetPlannedStartTime().AsTime()
		if !w.begun[name] && v.GetState() == pb.VisitState_VISIT_STATE_PLANNED && !start.Before(w.shift.start) && start.Before(w.shift.end) {
			w.tally.unmade++
		}
	}
	w.offline = time.Time{}
	return w.flush(ctx)
}

// sync fetches what changed for the technician.
func (w *worker) sync(ctx context.Context) error {
	if w.now.Before(w.offline) {
		return nil
	}
	ctx = as(ctx, w.token)
	for {
		answer, err := w.api.technician.Sync(ctx, &pb.SyncRequest{Cursor: w.cursor, PageSize: 200})
		if reason, ok := refusal(err); ok && reason == "RESYNC_REQUIRED" {
			w.cursor = ""
			clear(w.visits)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s syncs: %w", w.tag, err)
		}
		for _, visit := range answer.GetVisits() {
			w.visits[visit.GetVisit().GetName()] = visit
		}
		for _, name := range answer.GetRemovedVisits() {
			delete(w.visits, name)
		}
		w.cursor = answer.GetCursor()
		if !answer.GetMore() {
			return nil
		}
	}
}
