package fieldwork_test

import (
	"slices"
	"testing"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/fieldwork"
)

// The database fails for events that say a word, as it would for a bug of ours
// that no check knows of.
const trapSQL = `
CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	CASE NEW.payload->>'text'
		WHEN 'poison' THEN
			IF NEW.disposition = 'accepted' THEN RAISE EXCEPTION 'poisoned'; END IF;
		WHEN 'deadly' THEN RAISE EXCEPTION 'nothing can be done with it';
		WHEN 'racing' THEN RAISE EXCEPTION 'lost a race' USING ERRCODE = 'serialization_failure';
		ELSE NULL;
	END CASE;
	RETURN NEW;
END $$;
CREATE TRIGGER trap BEFORE INSERT ON field_events FOR EACH ROW EXECUTE FUNCTION trap();`

// I14: whatever an event breaks, the others of its visit are stored. The device is
// rid of one that can be parked, and keeps one that cannot.
func TestPoisonThatNoCheckKnows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.at(t, 0, w.At(0, 9, 0))
	w.SetTime(t, w.At(0, 10, 0))
	if _, err := w.sql.Exec(t.Context(), trapSQL); err != nil {
		t.Fatal(err)
	}
	p := newPhone()
	events := p.trip(j.visit.ID, w.At(0, 9, 0), dispatch.EventCompleted)
	for i, text := range []string{"poison", "deadly", "racing"} {
		note := p.event(j.visit.ID, dispatch.EventNote, w.At(0, 9, 10))
		note.Detail.Text = text
		events = slices.Insert(events, i+1, note)
	}
	want := []fieldwork.Status{
		fieldwork.Accepted, fieldwork.Rejected, fieldwork.Deferred, fieldwork.Deferred,
		fieldwork.Accepted, fieldwork.Accepted, fieldwork.Accepted,
	}
	results, progress, err := w.field.UploadEvents(t.Context(), w.as(0), submit(append(events, events[2])...))
	if err != nil {
		t.Fatal(err)
	}
	for i, status := range want {
		if results[i].Status != status {
			t.Errorf("event %d (%s %s): status %d, %v; want %d", i, events[i].Kind, events[i].Detail.Text, results[i].Status, results[i].Err, status)
		}
	}
	if results[7].Status != fieldwork.Deferred {
		t.Errorf("the deferred one stands in the batch twice, and its copy is answered %d: the device would delete it", results[7].Status)
	}
	if reason := results[1].Err.Reason; reason != dispatch.ReasonInternal {
		t.Errorf("the parked one says %s", reason)
	}
	if got := w.now(t, j); got.visit.State != dispatch.VisitClosed || got.order.State != dispatch.WorkOrderResolved {
		t.Errorf("the visit is %s, its order %s", got.visit.State, got.order.State)
	}
	if progress[0].HighWater != 5 || progress[0].Missing != nil {
		t.Errorf("progress %+v, want up to the deferred ones", progress[0])
	}

	// Once we are mended, what was deferred is stored, and the rest is known.
	if _, err := w.sql.Exec(t.Context(), "DROP TRIGGER trap ON field_events"); err != nil {
		t.Fatal(err)
	}
	results, progress, err = w.field.UploadEvents(t.Context(), w.as(0), submit(events...))
	if err != nil {
		t.Fatal(err)
	}
	for i, status := range want {
		mended := fieldwork.Duplicate
		if status == fieldwork.Deferred {
			mended = fieldwork.Accepted
		}
		if results[i].Status != mended {
			t.Errorf("afterwards, event %d: status %d, want %d", i, results[i].Status, mended)
		}
	}
	if progress[0].HighWater != 7 || progress[0].Missing != nil {
		t.Errorf("afterwards: %+v", progress[0])
	}
}
