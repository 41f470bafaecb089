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
	hashes map[deviceEvent][]byte // of stored events and of those of the batch that were looked at
	used   map[deviceSeq]uuid.UUID
	marks  map[deviceEpoch]int64
}

type (
	deviceEvent struct {
		device uuid.UUID
		event  uuid.UUID
	}
	deviceEpoch struct {
		device uuid.UUID
		epoch  int64
	}
	deviceSeq struct {
		deviceEpoch
		seq int64
	}
)

// known reads the ledger for the batch.
func (u *upload) known(ctx context.Context, tx dispatch.Tx, claimed []dispatch.DeviceEpoch) (*ledger, error) {
	l := &ledger{hashes: map[deviceEvent][]byte{}, used: map[deviceSeq]uuid.UUID{}, marks: map[deviceEpoch]int64{}}
	for _, e := range claimed {
		l.marks[deviceEpoch{e.Device, e.Epoch}] = e.HighWater
	}
	var devices []uuid.UUID
	of := map[uuid.UUID][]uuid.UUID{}
	for _, s := range u.batch {
		if _, ok := of[s.Event.Device]; !ok {
			devices = append(devices, s.Event.Device)
		}
		of[s.Event.Device] = append(of[s.Event.Device], s.Event.ID)
	}
	for _, device := range devices {
		stored, err := tx.KnownEvents(ctx, device, of[device])
		if err != nil {
			return nil, err
		}
		for id, hash := range stored {
			l.hashes[deviceEvent{device, id}] = hash
		}
	}
	return l, nil
}

// add puts an event of the batch into the ledger, so that a later one of the same
// batch is compared with it.
func (l *ledger) add(e dispatch.FieldEvent, hash []byte) {
	l.hashes[deviceEvent{e.Device, e.ID}] = hash
	l.used[deviceSeq{deviceEpoch{e.Device, e.Epoch}, e.Seq}] = e.ID
}

// regressed reports whether an event that is new has a number that another one
// has: all up to the mark are stored.
func (l *ledger) regressed(e dispatch.FieldEvent) bool {
	epoch := deviceEpoch{e.Device, e.Epoch}
	_, taken := l.used[deviceSeq{epoch, e.Seq}]
	return taken || e.Seq <= l.marks[epoch]
}

// flagsOf says what is odd about a new event by itself.
func flagsOf(e dispatch.FieldEvent, now time.Time, known *ledger) []Flag {
	var flags []Flag
	if known.regressed(e) {
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
