package dispatch

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// FieldworkTx is what the use cases of dispatch/fieldwork need of a transaction.
type FieldworkTx interface {
	EventTx
	FixTx

	// ItineraryOf gives the visits planned for or made by a technician whose
	// commitments overlap [from, to), by start, with all that he needs. Of asset
	// and service it gives the ids.
	ItineraryOf(ctx context.Context, id TechnicianID, from, to time.Time) ([]AssignedVisit, error)
	// ReferralsSince gives the referrals of a technician that changed since t,
	// by id.
	ReferralsSince(ctx context.Context, id TechnicianID, t time.Time) ([]Referral, error)
	// WasAssigned reports whether a visit was ever planned for a technician.
	WasAssigned(ctx context.Context, id VisitID, technician TechnicianID) (bool, error)
	// CorrectPromise writes an outcome over kept, missed or open, since late
	// evidence may show what was judged without it; a promise that was
	// superseded or withdrawn stays. changed says whether there was a change.
	CorrectPromise(ctx context.Context, id AppointmentID, ordinal int, outcome PromiseOutcome, at time.Time) (changed bool, err error)
}

// EventTx is the ledger of events. Events are never changed or removed.
type EventTx interface {
	// ClaimDeviceEpochs registers installations that are new as this
	// technician's, and gives all of them as they are: one that was registered
	// before keeps its technician. By device, then epoch.
	ClaimDeviceEpochs(ctx context.Context, epochs []DeviceEpoch) ([]DeviceEpoch, error)
	// RaiseHighWater moves the mark of an installation up, never down.
	RaiseHighWater(ctx context.Context, epoch DeviceEpoch) error
	// SequencesAfter gives the numbers that its technician has stored after the
	// mark, ascending.
	SequencesAfter(ctx context.Context, epoch DeviceEpoch) ([]int64, error)
	// KnownEvents gives the hashes of those of a device's events that are stored.
	KnownEvents(ctx context.Context, device uuid.UUID, ids []uuid.UUID) (map[uuid.UUID][]byte, error)
	// AddEvents stores events of one device that are new and gives their ids;
	// one whose id is taken is left out.
	AddEvents(ctx context.Context, events []FieldEvent) (added []uuid.UUID, err error)
	// AddEventConflict keeps an event whose id is taken by another content. The
	// same one again is kept once.
	AddEventConflict(ctx context.Context, event FieldEvent) error
	// EventsOf gives the accepted events of a visit that move it, in the order
	// of CompareEvents.
	EventsOf(ctx context.Context, id VisitID) ([]FieldEvent, error)
}

// FixTx is the ledger of fix windows.
type FixTx interface {
	CreateFixEpisode(ctx context.Context, f FixEpisode) error
	// LockFixEpisode holds the row; whoever locks a work order too locks that
	// first.
	LockFixEpisode(ctx context.Context, id WorkOrderID, episode int) (FixEpisode, error)
	SaveFixEpisode(ctx context.Context, f FixEpisode) error
	// RepeatsOf gives the corrective work orders opened in [from, to) that are
	// not cancelled and are about the same issue as w: same asset, or same site
	// and service, or linked to it by hand. By the time they were opened.
	RepeatsOf(ctx context.Context, w WorkOrder, from, to time.Time) ([]WorkOrder, error)
	// ProvisionalFixes gives the episodes whose fix window still runs and which w
	// may spoil: of work orders about the same issue that were resolved before w
	// was opened. By work order.
	ProvisionalFixes(ctx context.Context, w WorkOrder) ([]FixEpisode, error)
}
