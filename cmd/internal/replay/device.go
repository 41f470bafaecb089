package replay

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// record puts an event into the device's outbox.
func (w *worker) record(event *pb.FieldEvent, at time.Time) {
	w.seq++
	event.EventId, event.DeviceId, event.Epoch, event.Seq = uuid.NewString(), w.device, 1, w.seq
	event.OccurTime = timestamppb.New(at)
	w.outbox = append(w.outbox, event)
}

// upload sends the outbox now, or after a while without a network.
func (w *worker) upload(ctx context.Context) error {
	d := w.seed.of("network", w.tag, nth(int(w.seq)))
	if !w.now.Before(w.offline) && d.chance(lateChance) {
		if err := w.loseNetwork(d.between(5*time.Minute, 25*time.Minute)); err != nil {
			return err
		}
	}
	return w.flush(ctx)
}

// flush sends what is in the outbox, if there is a network. Sometimes the answer
// is lost and all of it is sent again; sometimes it comes in another order.
func (w *worker) flush(ctx context.Context) error {
	if w.now.Before(w.offline) || len(w.outbox) == 0 {
		return nil
	}
	w.batch++
	d := w.seed.of("upload", w.tag, nth(w.batch))
	events := w.outbox
	w.outbox = nil
	if d.chance(shuffledChance) {
		d.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	}
	times := 1
	if d.chance(sentTwiceChance) {
		times = 2
	}
	for range times {
		answer, err := w.api.technician.UploadEvents(as(ctx, w.token), &pb.UploadEventsRequest{Events: events})
		if err != nil {
			return fmt.Errorf("%s uploads %d events: %w", w.tag, len(events), err)
		}
		w.wrote = true
		w.tally.uploads++
		w.heed(events, answer.GetResults())
	}
	return nil
}

// heed reads what became of each event. One that is deferred goes back into the
// outbox.
func (w *worker) heed(events []*pb.FieldEvent, results []*pb.EventResult) {
	for i, result := range results {
		status := strings.TrimPrefix(result.GetStatus().String(), "EVENT_STATUS_")
		if reason := reasonIn(result.GetError()); reason != "" {
			status += ": " + reason
		}
		w.tally.events[status]++
		event := events[i]
		switch result.GetStatus() {
		case pb.EventStatus_EVENT_STATUS_DEFERRED:
			w.outbox = append(w.outbox, event)
		case pb.EventStatus_EVENT_STATUS_ACCEPTED:
			if event.GetArrived() != nil {
				w.noteArrival(event)
			}
		case pb.EventStatus_EVENT_STATUS_CONFLICT, pb.EventStatus_EVENT_STATUS_DUPLICATE,
			pb.EventStatus_EVENT_STATUS_REJECTED, pb.EventStatus_EVENT_STATUS_UNSPECIFIED:
		}
	}
}

// noteArrival remembers when a customer saw the technician.
func (w *worker) noteArrival(event *pb.FieldEvent) {
	visit := w.visits[event.GetVisit()].GetVisit()
	p := w.tally.appointments[visit.GetAppointment()]
	if p == nil || !p.arrived.IsZero() {
		return
	}
	p.arrived = event.GetOccurTime().AsTime()
}
