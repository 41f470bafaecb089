package fieldwork_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/fieldwork"
)

// I01, I19: a batch that is sent again is answered, and changes nothing.
func TestABatchSentThreeTimes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.at(t, 0, w.At(0, 9, 0))
	w.SetTime(t, w.At(0, 10, 0))
	trip := newPhone().trip(j.visit.ID, w.At(0, 9, 0), dispatch.EventCompleted)
	w.upload(t, 0, fieldwork.Accepted, trip...)
	before := w.now(t, j)
	for range 2 {
		_, progress := w.upload(t, 0, fieldwork.Duplicate, trip...)
		if len(progress) != 1 || progress[0].HighWater != 4 || progress[0].Missing != nil {
			t.Errorf("progress %+v, want 4 without gaps", progress)
		}
	}
	if diff := cmp.Diff(before, w.now(t, j), cmp.AllowUnexported(job{})); diff != "" {
		t.Errorf("repeats changed something (-before +after):\n%s", diff)
	}
	if n := w.count(t, "SELECT count(*) FROM field_events"); n != 4 {
		t.Errorf("%d events are stored", n)
	}
}

// I02: the same id with other content; both are kept, once each.
func TestAnEventIDUsedTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.at(t, 0, w.At(0, 9, 0))
	w.SetTime(t, w.At(0, 10, 0))
	e := newPhone().event(j.visit.ID, dispatch.EventArrived, w.At(0, 9, 0))
	other := e
	other.OccurredAt = w.At(0, 9, 30)
	w.upload(t, 0, fieldwork.Accepted, e)
	for range 2 {
		results, _ := w.upload(t, 0, fieldwork.Conflict, other)
		if results[0].Err == nil || results[0].Err.Reason != dispatch.ReasonEventIDReused {
			t.Errorf("the conflict says %v", results[0].Err)
		}
	}
	// Also where both come in one batch.
	third := e
	third.OccurredAt = w.At(0, 9, 45)
	results, _, err := w.field.UploadEvents(t.Context(), w.as(0), submit(e, third))
	if err != nil || results[0].Status != fieldwork.Duplicate || results[1].Status != fieldwork.Conflict {
		t.Errorf("in one batch: %+v, %v", results, err)
	}
	if got := w.now(t, j); !got.visit.ArrivedAt.Equal(w.At(0, 9, 0)) {
		t.Errorf("arrived %s: the first one stays", got.visit.ArrivedAt)
	}
	if n := w.count(t, "SELECT count(*) FROM field_event_conflicts"); n != 2 {
		t.Errorf("%d conflicts are kept, want 2", n)
	}
}

// Whatever the order in which events of two devices arrive, and however they are
// cut into batches, the rows end the same.
func TestArrivalOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.SetTime(t, w.At(0, 18, 0))
	random := rand.New(rand.NewPCG(7, 7))
	trips := func(visit dispatch.VisitID, start time.Time) []dispatch.FieldEvent {
		phone, tablet := newPhone(), newPhone()
		return append(phone.trip(visit, start, dispatch.EventCompleted),
			tablet.event(visit, dispatch.EventArrived, start.Add(-3*time.Minute)),
			tablet.event(visit, dispatch.EventNeedsReturn, start.Add(40*time.Minute)),
			tablet.event(visit, dispatch.EventCompleted, start.Add(45*time.Minute)))
	}
	type state struct {
		Visit, Order, Appointment, Commitment, Outcome, Reason string
		Promise                                                dispatch.PromiseOutcome
		Times                                                  []time.Duration
		Returns                                                int
	}
	outcome := func(j job, start time.Time) state {
		got := w.now(t, j)
		s := state{
			Visit: string(got.visit.State), Order: string(got.order.State), Appointment: string(got.appointment.State),
			Commitment: string(got.commitment.State), Outcome: string(got.visit.Outcome), Reason: got.visit.OutcomeReason,
			Promise: w.promise(t, j),
		}
		for _, at := range []time.Time{got.visit.EnRouteAt, got.visit.ArrivedAt, got.visit.StartedAt, got.visit.FinishedAt} {
			s.Times = append(s.Times, at.Sub(start))
		}
		for _, v := range w.visits(t, j.order.ID)[1:] {
			if v.State == dispatch.VisitUnassigned {
				s.Returns++
			}
		}
		return s
	}
	var want state
	for round := range 24 {
		start := w.At(round%7, 9+2*(round/7), 0)
		w.SetTime(t, start.Add(9*time.Hour))
		j := w.at(t, round%3, start)
		events := trips(j.visit.ID, start)
		if round > 0 {
			random.Shuffle(len(events), func(a, b int) { events[a], events[b] = events[b], events[a] })
		}
		for len(events) > 0 {
			n := 1 + random.IntN(len(events))
			results, _, err := w.field.UploadEvents(t.Context(), w.as(round%3), submit(events[:n]...))
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range results {
				if r.Status != fieldwork.Accepted && r.Status != fieldwork.Conflict {
					t.Fatalf("round %d: %+v", round, r)
				}
			}
			events = events[n:]
		}
		got := outcome(j, start)
		if round == 0 {
			want = got
			if want.Outcome != string(dispatch.OutcomeNeedsReturn) || want.Returns != 1 || want.Order != string(dispatch.WorkOrderOpen) {
				t.Fatalf("the first end was a return, and the state is %+v", want)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("round %d ends otherwise (-want +got):\n%s", round, diff)
		}
	}
}

// I07, I08, I13, I14, I16: what is wrong with one event is said of that one.
func TestOnePoisonousEventOfMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.at(t, 0, w.At(0, 9, 0))
	w.SetTime(t, w.At(0, 10, 0))
	p := newPhone()
	var events []dispatch.FieldEvent
	for range 499 {
		e := p.event(j.visit.ID, dispatch.EventNote, w.At(0, 9, 30))
		e.Detail.Text = "all well 🙂"
		events = append(events, e)
	}
	poison := p.event(j.visit.ID, dispatch.EventNote, w.At(0, 9, 30))
	poison.Detail.Text = "nul \x00 byte"
	events = slices.Insert(events, 250, poison)
	results, progress, err := w.field.UploadEvents(t.Context(), w.as(0), submit(events...))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		want := fieldwork.Accepted
		if i == 250 {
			want = fieldwork.Rejected
		}
		if r.Status != want {
			t.Errorf("event %d: status %d, want %d", i, r.Status, want)
		}
	}
	if results[250].Err.Reason != dispatch.ReasonEventPayloadInvalid || progress[0].HighWater != 500 {
		t.Errorf("poison: %v, high water %d", results[250].Err, progress[0].HighWater)
	}

	_, _, err = w.field.UploadEvents(t.Context(), w.as(0), submit(append(events, poison)...))
	if dispatch.ReasonOf(err) != dispatch.ReasonInvalidRequest {
		t.Errorf("501 events: %v", err)
	}
}

func TestEventsThatCanNeverBeRight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j, his := w.at(t, 0, w.At(0, 9, 0)), w.at(t, 1, w.At(0, 9, 0))
	w.SetTime(t, w.At(0, 10, 0))
	p := newPhone()
	at := w.At(0, 9, 30)
	serial := p.event(j.visit.ID, dispatch.EventSerialNumber, at)
	serial.Detail.SerialNumber = "A\x1b[31m1"
	cases := []struct {
		name   string
		event  dispatch.FieldEvent
		reason dispatch.Reason
	}{
		{"1970", p.event(j.visit.ID, dispatch.EventArrived, time.Unix(0, 0)), dispatch.ReasonEventOutOfRange},
		{"9999", p.event(j.visit.ID, dispatch.EventArrived, time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)), dispatch.ReasonEventOutOfRange},
		{"the year one", p.event(j.visit.ID, dispatch.EventArrived, time.Unix(-62135596800, 0)), dispatch.ReasonEventOutOfRange},
		{"a serial number with control characters", serial, dispatch.ReasonEventPayloadInvalid},
		{"another's visit", p.event(his.visit.ID, dispatch.EventArrived, at), dispatch.ReasonNotAssigned},
		{"another's visit, a note", p.event(his.visit.ID, dispatch.EventNote, at), dispatch.ReasonNotAssigned},
		{"no visit of ours", p.event(dispatch.VisitID{}.New(), dispatch.EventArrived, at), dispatch.ReasonNotAssigned},
		{"no visit at all", p.event(dispatch.VisitID{}, dispatch.EventArrived, at), dispatch.ReasonEventPayloadInvalid},
	}
	for _, c := range cases {
		results, _ := w.upload(t, 0, fieldwork.Rejected, c.event)
		if results[0].Err == nil || results[0].Err.Reason != c.reason {
			t.Errorf("%s: %v, want %s", c.name, results[0].Err, c.reason)
		}
		w.upload(t, 0, fieldwork.Duplicate, c.event)
	}
	// They are parked: kept, out of the way, and counted by the mark.
	if n := w.count(t, "SELECT count(*) FROM field_events WHERE disposition = 'rejected' AND visit_id IS NULL"); n != len(cases) {
		t.Errorf("%d are parked without a visit", n)
	}
	_, progress := w.upload(t, 0, fieldwork.Accepted, p.event(j.visit.ID, dispatch.EventArrived, at))
	if progress[0].HighWater != int64(len(cases)+1) {
		t.Errorf("high water %d", progress[0].HighWater)
	}
	if got := w.now(t, his); got.visit.State != dispatch.VisitPlanned || got.visit.Version != 1 {
		t.Errorf("another's visit was moved: %+v", got.visit)
	}
}

// I04, I05: gaps are named; a number used twice is a restored phone.
func TestNumbersOfADevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.at(t, 0, w.At(0, 9, 0))
	w.SetTime(t, w.At(0, 10, 0))
	p := newPhone()
	at := w.At(0, 9, 0)
	events := make([]dispatch.FieldEvent, 8)
	for i := range events {
		events[i] = p.event(j.visit.ID, dispatch.EventNote, at)
	}
	_, progress := w.upload(t, 0, fieldwork.Accepted, events[0], events[1], events[4], events[7])
	want := []fieldwork.Range{{3, 4}, {6, 7}}
	if progress[0].HighWater != 2 || !slices.Equal(progress[0].Missing, want) {
		t.Errorf("progress %+v, want 2 with %v", progress[0], want)
	}
	_, progress = w.upload(t, 0, fieldwork.Accepted, events[2], events[3], events[5])
	if progress[0].HighWater != 6 || !slices.Equal(progress[0].Missing, []fieldwork.Range{{7, 7}}) {
		t.Errorf("progress %+v", progress[0])
	}
	restored := p.event(j.visit.ID, dispatch.EventNote, at)
	restored.Seq = 3
	results, _ := w.upload(t, 0, fieldwork.Accepted, restored)
	if !slices.Equal(results[0].Flags, []fieldwork.Flag{fieldwork.SeqRegressed}) {
		t.Errorf("flags of a number used twice: %v", results[0].Flags)
	}
	// A phone that says so starts another epoch, counted by itself.
	fresh := p.event(j.visit.ID, dispatch.EventNote, at)
	fresh.Epoch, fresh.Seq = 2, 1
	if _, progress = w.upload(t, 0, fieldwork.Accepted, fresh); progress[0].Epoch != 2 || progress[0].HighWater != 1 {
		t.Errorf("progress %+v", progress[0])
	}
	// It is nobody else's.
	stolen := p.event(j.visit.ID, dispatch.EventNote, at)
	results, progress = w.upload(t, 1, fieldwork.Rejected, stolen)
	if results[0].Err.Reason != dispatch.ReasonAccessDenied || len(progress) != 0 {
		t.Errorf("another's device: %v, progress %v", results[0].Err, progress)
	}
}

// I10, H04: what was cancelled stays cancelled, and what the technician did
// meanwhile stays visible.
func TestEventsAfterCancellation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.at(t, 0, w.At(0, 9, 0))
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		v, c := j.visit, j.commitment
		v.State, c.State = dispatch.VisitCancelled, dispatch.CommitmentReleased
		if err := tx.SaveVisit(ctx, v); err != nil {
			return err
		}
		return tx.SaveCommitment(ctx, c)
	})
	w.SetTime(t, w.At(0, 10, 0))
	p := newPhone()
	results, _ := w.upload(t, 0, fieldwork.Accepted, p.event(j.visit.ID, dispatch.EventStarted, w.At(0, 9, 5)))
	if !slices.Equal(results[0].Flags, []fieldwork.Flag{fieldwork.LateAfterCancel}) {
		t.Errorf("flags %v", results[0].Flags)
	}
	if got := w.now(t, j); got.visit.State != dispatch.VisitCancelled || !got.visit.StartedAt.IsZero() {
		t.Errorf("the visit is %+v", got.visit)
	}
	kept := w.words(t, "SELECT disposition || ' ' || reason FROM field_events WHERE visit_id = $1", j.visit.ID)
	if !slices.Equal(kept, []string{"conflict LATE_AFTER_CANCEL"}) {
		t.Errorf("kept as %v", kept)
	}
	// Somebody who never had the visit learns nothing of its fate.
	results, _ = w.upload(t, 2, fieldwork.Rejected, newPhone().event(j.visit.ID, dispatch.EventStarted, w.At(0, 9, 5)))
	if results[0].Err.Reason != dispatch.ReasonNotAssigned {
		t.Errorf("a stranger is told %v", results[0].Err)
	}
}

// A visit that went to somebody else while its technician was offline.
func TestEventsAfterReassignment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.at(t, 0, w.At(0, 9, 0))
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		c := j.commitment
		c.State = dispatch.CommitmentReleased
		if err := tx.SaveCommitment(ctx, c); err != nil {
			return err
		}
		return tx.CreateCommitment(ctx, w.commitment(1, w.At(0, 9, 0), j.visit))
	})
	w.SetTime(t, w.At(0, 10, 0))
	results, _ := w.upload(t, 0, fieldwork.Conflict, newPhone().event(j.visit.ID, dispatch.EventArrived, w.At(0, 9, 0)))
	if results[0].Err.Reason != dispatch.ReasonNotAssigned {
		t.Errorf("he is told %v", results[0].Err)
	}
	w.upload(t, 1, fieldwork.Accepted, newPhone().event(j.visit.ID, dispatch.EventArrived, w.At(0, 9, 20)))
	if got := w.now(t, j); got.visit.Technician != w.Technicians[1].ID || !got.visit.ArrivedAt.Equal(w.At(0, 9, 20)) {
		t.Errorf("the visit is %s's from %s", got.visit.Technician, got.visit.ArrivedAt)
	}
}

// Two processes of one device, and the dispatcher's rows moving beside them: each
// event has one effect.
func TestTheSameBatchFromManyProcesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.at(t, 0, w.At(0, 9, 0))
	w.SetTime(t, w.At(0, 10, 0))
	trip := newPhone().trip(j.visit.ID, w.At(0, 9, 0), dispatch.EventNeedsReturn)
	var wait sync.WaitGroup
	accepted := make([]int, 8)
	for i := range accepted {
		wait.Go(func() {
			results, _, err := w.field.UploadEvents(t.Context(), w.as(0), submit(trip...))
			if err != nil {
				t.Error(err)
			}
			for _, r := range results {
				switch r.Status {
				case fieldwork.Accepted:
					accepted[i]++
				case fieldwork.Duplicate:
				default:
					t.Errorf("process %d: %+v", i, r)
				}
			}
		})
	}
	wait.Wait()
	total := 0
	for _, n := range accepted {
		total += n
	}
	if total != len(trip) {
		t.Errorf("%d events were answered as new, of %d", total, len(trip))
	}
	if n := len(w.visits(t, j.order.ID)); n != 2 {
		t.Errorf("%d visits, want the visit and one return", n)
	}
	if n := w.count(t, "SELECT count(*) FROM field_events"); n != len(trip) {
		t.Errorf("%d events are stored", n)
	}
}

// I08: an end before its beginning takes the visit ahead and says so.
func TestAnEventBeforeItsTurn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.at(t, 0, w.At(0, 9, 0))
	w.SetTime(t, w.At(0, 10, 0))
	trip := newPhone().trip(j.visit.ID, w.At(0, 9, 0), dispatch.EventCompleted)
	results, progress := w.upload(t, 0, fieldwork.Accepted, trip[3])
	if !slices.Equal(results[0].Flags, []fieldwork.Flag{fieldwork.OutOfOrder}) || progress[0].HighWater != 0 {
		t.Errorf("flags %v, progress %+v", results[0].Flags, progress[0])
	}
	if got := w.now(t, j); got.visit.State != dispatch.VisitClosed || !got.visit.StartedAt.IsZero() {
		t.Errorf("the visit is %+v", got.visit)
	}
	w.upload(t, 0, fieldwork.Accepted, trip[:3]...)
	if got := w.now(t, j); !got.visit.StartedAt.Equal(w.At(0, 9, 5)) || !got.visit.ArrivedAt.Equal(w.At(0, 9, 0)) {
		t.Errorf("what came later did not fill in: %+v", got.visit)
	}
	ahead := newPhone().event(j.visit.ID, dispatch.EventNote, w.At(0, 12, 0))
	if results, _ = w.upload(t, 0, fieldwork.Accepted, ahead); !slices.Equal(results[0].Flags, []fieldwork.Flag{fieldwork.ClockSkewed}) {
		t.Errorf("two hours ahead of us: %v", results[0].Flags)
	}
}

func TestOnlyTechniciansUpload(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.at(t, 0, w.At(0, 9, 0))
	e := newPhone().event(j.visit.ID, dispatch.EventArrived, w.At(0, 9, 0))
	for _, role := range []dispatch.Role{dispatch.RoleCustomer, dispatch.RoleDispatcher, dispatch.RoleVisitor} {
		_, _, err := w.field.UploadEvents(t.Context(), w.Call(role, "UploadEvents"), submit(e))
		if dispatch.ReasonOf(err) != dispatch.ReasonAccessDenied {
			t.Errorf("%s: %v", role, err)
		}
	}
}

// A company's device tells another company nothing.
func TestATwinSeesNoVisit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.at(t, 0, w.At(0, 9, 0))
	w.SetTime(t, w.At(0, 10, 0))
	twin := w.Twin(t)
	call := dispatch.Call{Principal: twin.Principal(dispatch.RoleTechnician)}
	e := newPhone().event(j.visit.ID, dispatch.EventArrived, w.At(0, 9, 0))
	results, _, err := w.field.UploadEvents(t.Context(), call, submit(e))
	if err != nil || results[0].Status != fieldwork.Rejected || results[0].Err.Reason != dispatch.ReasonNotAssigned {
		t.Fatalf("%+v, %v", results, err)
	}
	// The very same event of the same device is new to its own company.
	w.upload(t, 0, fieldwork.Accepted, e)
}

func BenchmarkUploadEvents(b *testing.B) {
	w := newWorld(b)
	j := w.at(b, 0, w.At(0, 9, 0))
	w.SetTime(b, w.At(0, 10, 0))
	p := newPhone()
	for _, size := range []int{1, 200} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			for b.Loop() {
				events := make([]dispatch.FieldEvent, size)
				for i := range events {
					events[i] = p.event(j.visit.ID, dispatch.EventNote, w.At(0, 9, 0))
					events[i].ID = uuid.New()
				}
				if _, _, err := w.field.UploadEvents(b.Context(), w.as(0), submit(events...)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
