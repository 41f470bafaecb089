package fieldwork_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/fieldwork"
)

var movingKinds = []dispatch.EventKind{
	dispatch.EventEnRoute, dispatch.EventArrived, dispatch.EventStarted,
	dispatch.EventNeedsReturn, dispatch.EventNoAccess, dispatch.EventCompleted,
}

// drawEvents makes events of three devices, at times that often coincide.
func drawEvents(t *rapid.T) []dispatch.FieldEvent {
	begin := time.Date(2024, time.June, 3, 13, 0, 0, 0, time.UTC)
	kinds := append(slices.Clone(movingKinds), dispatch.EventNote)
	devices := []uuid.UUID{{1}, {2}, {3}}
	n := rapid.IntRange(0, 8).Draw(t, "events")
	events := make([]dispatch.FieldEvent, n)
	for i := range events {
		device := rapid.IntRange(0, 2).Draw(t, "device")
		events[i] = dispatch.FieldEvent{
			Device: devices[device], ID: uuid.UUID{byte(i), 9}, Epoch: int64(rapid.IntRange(1, 2).Draw(t, "epoch")),
			Seq: int64(rapid.IntRange(1, 3).Draw(t, "seq")), Technician: dispatch.TechnicianID{UUID: devices[device]},
			Kind:       rapid.SampledFrom(kinds).Draw(t, "kind"),
			OccurredAt: begin.Add(time.Duration(rapid.IntRange(0, 4).Draw(t, "minute")) * time.Minute),
			Detail: dispatch.EventDetail{
				Outcome: rapid.SampledFrom([]dispatch.Outcome{dispatch.OutcomeResolved, dispatch.OutcomeCancelledOnSite}).Draw(t, "outcome"),
				Reason:  rapid.SampledFrom([]string{"part", "planned"}).Draw(t, "reason"),
			},
		}
	}
	return events
}

// The fold is a function of the set of events: neither their order nor how often
// they come matters.
func TestFoldDoesNotDependOnArrival(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		want := fieldwork.Fold(events)
		again := append(slices.Clone(events), events...)
		seed := rapid.Uint64().Draw(t, "seed")
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		if diff := cmp.Diff(want, fieldwork.Fold(again)); diff != "" {
			t.Fatalf("shuffled and doubled, the same events give another state (-want +got):\n%s", diff)
		}
	})
}

// What the fold says is what a person would read out of a sorted list: the first
// event of the farthest state, and the first end.
func TestFoldAgainstAPlainReading(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		sorted := slices.SortedFunc(slices.Values(events), dispatch.CompareEvents)
		facts := fieldwork.Fold(events)
		end := slices.IndexFunc(sorted, func(e dispatch.FieldEvent) bool {
			return e.Kind == dispatch.EventCompleted || e.Kind == dispatch.EventNeedsReturn || e.Kind == dispatch.EventNoAccess
		})
		if (end >= 0) != (facts.State == dispatch.VisitClosed) {
			t.Fatalf("state %s, first ending event at %d", facts.State, end)
		}
		if end >= 0 && (!facts.FinishedAt.Equal(sorted[end].OccurredAt) || facts.Closing != sorted[end].ID || facts.Outcome == "") {
			t.Fatalf("ended %s by %s as %q, want %s by %s", facts.FinishedAt, facts.Closing, facts.Outcome, sorted[end].OccurredAt, sorted[end].ID)
		}
		// A time that is set is that of an event of its kind, and times are in order.
		last := time.Time{}
		for _, step := range []struct {
			at   time.Time
			kind dispatch.EventKind
		}{{facts.EnRouteAt, dispatch.EventEnRoute}, {facts.ArrivedAt, dispatch.EventArrived}, {facts.StartedAt, dispatch.EventStarted}} {
			if step.at.IsZero() {
				continue
			}
			if step.at.Before(last) {
				t.Fatalf("%s at %s comes before what precedes it at %s", step.kind, step.at, last)
			}
			last = step.at
			if !slices.ContainsFunc(events, func(e dispatch.FieldEvent) bool { return e.Kind == step.kind && e.OccurredAt.Equal(step.at) }) {
				t.Fatalf("no event %s at %s", step.kind, step.at)
			}
		}
		// The walk through the facts keeps to the arrows of the machine.
		if facts.State != "" {
			if err := dispatch.VisitMachine.Check("visit", dispatch.VisitPlanned, facts.State); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// An event that comes later moves the visit ahead or changes what was said of it,
// never back.
func TestFoldNeverGoesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		before := fieldwork.VisitFacts{}
		for i := range events {
			after := fieldwork.Fold(events[:i+1])
			if before.State != "" && after.State != before.State {
				if err := dispatch.VisitMachine.Check("visit", before.State, after.State); err != nil {
					t.Fatalf("with event %d: %v", i, err)
				}
			}
			if !before.Presence().IsZero() && (after.Presence().IsZero() || after.Presence().After(before.Presence())) {
				t.Fatalf("with event %d the technician is known to be there from %s, before it was %s", i, after.Presence(), before.Presence())
			}
			before = after
		}
	})
}

func TestGaps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		mark    int64
		seqs    []int64
		high    int64
		missing []fieldwork.Range
	}{
		{name: "nothing", mark: 0, high: 0},
		{name: "from one on", seqs: []int64{1, 2, 3}, high: 3},
		{name: "the first is missing", seqs: []int64{2, 3}, high: 0, missing: []fieldwork.Range{{1, 1}}},
		{name: "two gaps", mark: 4, seqs: []int64{5, 8, 9, 12}, high: 5, missing: []fieldwork.Range{{6, 7}, {10, 11}}},
		{name: "far away", mark: 1, seqs: []int64{1 << 62}, high: 1, missing: []fieldwork.Range{{2, 1<<62 - 1}}},
	} {
		high, missing := fieldwork.Gaps(c.mark, c.seqs)
		if high != c.high || !slices.Equal(missing, c.missing) {
			t.Errorf("%s: %d with %v, want %d with %v", c.name, high, missing, c.high, c.missing)
		}
	}
}
