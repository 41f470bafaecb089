package dispatch

import (
	"context"
	"fmt"
	"time"
)

// WaitlistEntry is somebody who waits for a window: for an earlier one than he has,
// or for any where there was none.
type WaitlistEntry struct {
	ID           WaitlistEntryID
	PlanningArea PlanningAreaID
	Customer     CustomerID
	WorkOrder    WorkOrderID
	// Appointment is what an earlier window is wanted for; where there is none it is
	// what the entry became.
	Appointment AppointmentID
	Service     ServiceID
	Tier        TierID
	Price       Money // of the level when he joined: the order of a list by value
	From, Until Date  // local days [From, Until) of the windows that would do
	State       WaitlistState
	Lapses      int // offers in a row that he did not answer
	JoinedAt    time.Time
	JoinedBy    string         // subject
	Offer       *WaitlistOffer // the latest, nil before the first
	Version     int64
}

// Name is the resource name.
func (e WaitlistEntry) Name() string { return e.ID.Name() }

// MaxLapses is how many offers in a row may go without an answer before the entry
// ends: the slots of somebody who has gone are time that others wait for.
const MaxLapses = 3

// WaitlistOffer is a free window that an entry was offered and that a hold keeps for
// it, until it is answered or the hold ends.
type WaitlistOffer struct {
	Entry      WaitlistEntryID
	Ordinal    int // of the entry, from 1
	Hold       HoldID
	Outcome    WaitlistOutcome
	OfferedAt  time.Time
	AnsweredAt time.Time // also when it lapsed
	// Of the hold, filled when it is read.
	Window     Window
	Price      Money
	PriceLines []PriceLine
	ExpiresAt  time.Time
}

// WaitlistOutcome is what became of an offer.
type WaitlistOutcome string

// The outcomes of an offer from the waiting list.
const (
	WaitlistOpen     WaitlistOutcome = "open"
	WaitlistAccepted WaitlistOutcome = "accepted"
	WaitlistDeclined WaitlistOutcome = "declined"
	WaitlistLapsed   WaitlistOutcome = "lapsed"
	WaitlistDropped  WaitlistOutcome = "dropped" // its entry ended first
)

// WaitlistOrder is who is asked first.
type WaitlistOrder string

// The orders of a waiting list; within one price, who joined first is first.
const (
	WaitlistByTime  WaitlistOrder = "time"
	WaitlistByPrice WaitlistOrder = "price"
)

// WaitlistGrant is the right to answer for one entry, in a customer's link.
type WaitlistGrant struct {
	Tenant TenantID        `json:"t"`
	Entry  WaitlistEntryID `json:"e"`
}

// TimeFreed lets the waiting list of a shift's area hear that a commitment, in the
// version to be written, leaves its time there. Where nobody waits nothing is
// written.
func TimeFreed(ctx context.Context, tx Tx, c Commitment) error {
	area, waits, err := tx.WaitedFor(ctx, c.Shift)
	if err != nil || !waits {
		return err
	}
	return tx.Publish(ctx, Notice{
		Subject: c.ID.Name(), Version: c.Version + 1, Kind: NoticeTimeFreed, Payload: map[string]string{"planning_area": string(area)},
	})
}

// OfferWaiting writes the messages that offer a free window, once per offer and
// channel.
func OfferWaiting(ctx context.Context, tx Tx, e WaitlistEntry) error {
	for _, channel := range []Channel{ChannelMail, ChannelText} {
		if err := tx.Tell(ctx, Delivery{
			Channel: channel, Template: TemplateSlotFree, Subject: e.Name(), Recipient: e.Customer.Name(),
			DedupeKey: waitlistKey(e) + string(channel),
		}); err != nil {
			return err
		}
	}
	return nil
}

func waitlistKey(e WaitlistEntry) string {
	return fmt.Sprintf("%s/offers/%d/", e.Name(), e.Offer.Ordinal)
}

// Offers reports whether the message is about the entry's offer, and that is open.
func (d Delivery) Offers(e WaitlistEntry) bool {
	return e.State == WaitlistOffered && d.DedupeKey == waitlistKey(e)+string(d.Channel)
}
