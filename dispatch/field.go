package dispatch

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// FieldEvent is something that happened to a technician, as his device recorded
// it, perhaps offline and days ago. Events are stored once and never changed;
// the state of a visit is a fold over them.
type FieldEvent struct {
	Device      uuid.UUID
	ID          uuid.UUID // made by the device
	Epoch       int64     // installation of the app, from 1
	Seq         int64     // gap-free within device and epoch, from 1
	Technician  TechnicianID
	Visit       VisitID // zero for kinds that are about none
	Kind        EventKind
	OccurredAt  time.Time // by the device's clock
	BaseVersion int64     // of the visit that the device saw, 0 = none
	Detail      EventDetail
	Disposition Disposition
	Reason      string // why it is not accepted, "" if it is
}

// Moves reports whether events of this kind move a visit.
func (e FieldEvent) Moves() bool {
	switch e.Kind {
	case EventEnRoute, EventArrived, EventStarted, EventNeedsReturn, EventNoAccess, EventCompleted:
		return true
	}
	return false
}

// EventKind is what happened.
type EventKind string

// The kinds of event. Some move the visit, see FieldEvent.Moves; the others are
// kept beside it.
const (
	EventAccepted      EventKind = "accepted"
	EventDeclined      EventKind = "declined"
	EventEnRoute       EventKind = "en_route"
	EventArrived       EventKind = "arrived"
	EventStarted       EventKind = "started"
	EventPaused        EventKind = "paused"
	EventResumed       EventKind = "resumed"
	EventChecklistItem EventKind = "checklist_item"
	EventNote          EventKind = "note"
	EventAttachment    EventKind = "attachment"
	EventPartUsed      EventKind = "part_used"
	EventPartReturned  EventKind = "part_returned"
	EventSerialNumber  EventKind = "serial_number_read"
	EventTimeEntry     EventKind = "time_entry"
	EventNeedsReturn   EventKind = "needs_return"
	EventNoAccess      EventKind = "no_access"
	EventCompleted     EventKind = "completed"
	EventReferral      EventKind = "referral_logged"
	EventLocation      EventKind = "location_reported"
)

// EventDetail is what an event says beyond its kind; each kind has its fields,
// the others are zero.
type EventDetail struct {
	Outcome      Outcome       `json:"outcome,omitempty"` // of completed
	Reason       string        `json:"reason,omitempty"`  // of needs_return, declined, paused
	Text         string        `json:"text,omitempty"`
	Item         string        `json:"item,omitempty"`
	Done         bool          `json:"done,omitempty"`
	SHA256       []byte        `json:"sha256,omitempty"`
	MediaType    string        `json:"media_type,omitempty"`
	Purpose      string        `json:"purpose,omitempty"`
	Parts        []PartNeeded  `json:"parts,omitempty"`
	Asset        string        `json:"asset,omitempty"`
	SerialNumber string        `json:"serial_number,omitempty"`
	From         *time.Time    `json:"from,omitempty"`
	Until        *time.Time    `json:"until,omitempty"`
	Activity     string        `json:"activity,omitempty"`
	Mock         bool          `json:"mock,omitempty"` // the device says that the location is made up
	Referral     *ReferralNote `json:"referral,omitempty"`
}

// PartNeeded is a part and how many, used, returned or needed next time.
type PartNeeded struct {
	Part         string `json:"part"`
	Quantity     int    `json:"quantity"`
	SerialNumber string `json:"serial_number,omitempty"`
}

// ReferralNote is a referral that was noticed offline.
type ReferralNote struct {
	Need           string         `json:"need"`
	Suggestion     string         `json:"suggestion,omitempty"`
	Service        ServiceID      `json:"service,omitempty"`
	Urgency        Urgency        `json:"urgency,omitempty"`
	ConsentChannel ConsentChannel `json:"consent_channel,omitempty"`
	Estimate       *Money         `json:"estimate,omitempty"`
}

// ReturnReason is why somebody must come again, the outcome reason of a visit
// that needs return.
type ReturnReason string

// The reasons of a return. A return that was planned from the start is no miss
// of the first visit.
const (
	ReturnPart        ReturnReason = "part"
	ReturnSkill       ReturnReason = "skill"
	ReturnTime        ReturnReason = "time"
	ReturnInformation ReturnReason = "information"
	ReturnDiagnosis   ReturnReason = "diagnosis"
	ReturnAccess      ReturnReason = "access"
	ReturnQuality     ReturnReason = "quality"
	ReturnPlanned     ReturnReason = "planned"
)

// Disposition is what we did with an event.
type Disposition string

// The dispositions. All three are kept.
const (
	EventTaken    Disposition = "accepted" // part of the fold
	EventConflict Disposition = "conflict" // something else was true already: somebody decides
	EventRejected Disposition = "rejected" // can never be right
)

// Hash is of what the device said, so that the same event sent again can be told
// from another with the same id.
func (e FieldEvent) Hash() ([]byte, error) {
	said := e
	said.Disposition, said.Reason = "", ""
	said.OccurredAt = e.OccurredAt.UTC().Truncate(time.Microsecond)
	plain, err := json.Marshal(said)
	if err != nil {
		return nil, fmt.Errorf("hash event %s: %w", e.ID, err)
	}
	sum := sha256.Sum256(plain)
	return sum[:], nil
}

// CompareEvents is the order of the fold: by the time it happened, and where two
// devices or two taps share an instant, by device, installation, number and id.
// It never depends on when an event reached us.
func CompareEvents(a, b FieldEvent) int {
	return cmp.Or(
		a.OccurredAt.Compare(b.OccurredAt),
		cmp.Compare(a.Device.String(), b.Device.String()),
		cmp.Compare(a.Epoch, b.Epoch),
		cmp.Compare(a.Seq, b.Seq),
		cmp.Compare(a.ID.String(), b.ID.String()),
	)
}

// DeviceEpoch is how far the events of one installation are.
type DeviceEpoch struct {
	Device     uuid.UUID
	Epoch      int64
	Technician TechnicianID // whose it is
	HighWater  int64        // every event up to this number is stored
}

// AssignedVisit is a visit with what its technician needs to make it without
// asking anybody again.
type AssignedVisit struct {
	Visit       Visit
	Commitment  Commitment
	Window      Window // promised; zero where nothing was
	WorkOrder   WorkOrder
	Site        Site
	Asset       Asset // zero where none is known
	Service     Service
	DisplayName string // of the customer
	Phone       string
	Language    string
	// Past are the last visits to the same asset, or site where no asset is
	// known, newest first.
	Past []Visit
}
