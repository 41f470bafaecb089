package fieldwork

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/firstfix/firstfix/dispatch"
)

// maxRanges is how many gaps a device is told of at once, the oldest first.
const maxRanges = 100

// Range is the numbers from First to Last, both among them.
type Range struct{ First, Last int64 }

// Gaps reads the numbers stored after a mark, ascending: how far they go without
// a gap, and what is missing below the highest.
func Gaps(mark int64, seqs []int64) (highWater int64, missing []Range) {
	highWater = mark
	last := mark
	for _, seq := range seqs {
		if seq <= last {
			continue
		}
		if seq > last+1 {
			missing = append(missing, Range{last + 1, seq - 1})
		}
		if len(missing) == 0 {
			highWater = seq
		}
		last = seq
	}
	return highWater, missing
}

// progress says how far the installations of the batch are, and remembers it.
func (u *upload) progress(ctx context.Context) ([]Progress, error) {
	var out []Progress
	err := u.store.InTx(ctx, u.tenant, func(ctx context.Context, tx dispatch.Tx) error {
		out = nil
		epochs, err := tx.ClaimDeviceEpochs(ctx, u.epochs)
		if err != nil {
			return err
		}
		for _, e := range epochs {
			if e.Technician != u.technician {
				continue
			}
			seqs, err := tx.SequencesAfter(ctx, e)
			if err != nil {
				return err
			}
			mark, missing := Gaps(e.HighWater, seqs)
			if mark > e.HighWater {
				e.HighWater = mark
				if err := tx.RaiseHighWater(ctx, e); err != nil {
					return err
				}
			}
			out = append(out, Progress{
				Device: e.Device, Epoch: e.Epoch, HighWater: mark, Missing: missing[:min(len(missing), maxRanges)],
			})
		}
		return nil
	})
	return out, err
}

// ledger is what is stored of the devices of a batch, as far as it matters to it.
type ledger struct {
	byID  map[deviceEvent]dispatch.KnownEvent
	bySeq map[deviceSeq]uuid.UUID
}

type deviceEvent struct {
	device uuid.UUID
	event  uuid.UUID
}

type deviceSeq struct {
	device uuid.UUID
	epoch  int64
	seq    int64
}

// known reads the ledger for the batch.
func (u *upload) known(ctx context.Context, tx dispatch.Tx) (*ledger, error) {
	l := &ledger{byID: map[deviceEvent]dispatch.KnownEvent{}, bySeq: map[deviceSeq]uuid.UUID{}}
	var devices []uuid.UUID
	of := map[uuid.UUID][]dispatch.FieldEvent{}
	for _, s := range u.batch {
		if _, ok := of[s.Event.Device]; !ok {
			devices = append(devices, s.Event.Device)
		}
		of[s.Event.Device] = append(of[s.Event.Device], s.Event)
	}
	for _, device := range devices {
		stored, err := tx.KnownEvents(ctx, device, of[device])
		if err != nil {
			return nil, err
		}
		for _, k := range stored {
			l.byID[deviceEvent{device, k.ID}] = k
			l.bySeq[deviceSeq{device, k.Epoch, k.Seq}] = k.ID
		}
	}
	return l, nil
}

// add puts an event of the batch into the ledger, so that a later one of the same
// batch is compared with it.
func (l *ledger) add(e dispatch.FieldEvent, hash []byte) {
	l.byID[deviceEvent{e.Device, e.ID}] = dispatch.KnownEvent{ID: e.ID, Epoch: e.Epoch, Seq: e.Seq, Hash: hash}
	if _, taken := l.bySeq[deviceSeq{e.Device, e.Epoch, e.Seq}]; !taken {
		l.bySeq[deviceSeq{e.Device, e.Epoch, e.Seq}] = e.ID
	}
}

// flagsOf says what is odd about an event by itself.
func flagsOf(e dispatch.FieldEvent, now time.Time, known *ledger) []Flag {
	var flags []Flag
	if first, taken := known.bySeq[deviceSeq{e.Device, e.Epoch, e.Seq}]; taken && first != e.ID {
		flags = append(flags, SeqRegressed)
	}
	if e.OccurredAt.After(now.Add(clockSkew)) {
		flags = append(flags, ClockSkewed)
	}
	if d := e.Detail; d.From != nil && d.Until != nil && d.Until.Sub(*d.From) > 24*time.Hour {
		flags = append(flags, HoursImplausible)
	}
	if e.Detail.Mock {
		flags = append(flags, LocationMocked)
	}
	return flags
}
