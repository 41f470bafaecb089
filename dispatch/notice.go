package dispatch

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Notice is a fact that a long process must hear of, written in the transaction
// that made it true and numbered by the entity's version. Payload holds ids and
// times, never personal data.
type Notice struct {
	ID      NoticeID
	Tenant  TenantID
	Subject string // resource name
	Version int64
	Kind    NoticeKind
	Payload map[string]string
}

// NoticeKind is what happened.
type NoticeKind string

// The notices. Each names its subject.
const (
	NoticeAppointmentBooked    NoticeKind = "appointment_booked"    // appointment
	NoticeAppointmentChanged   NoticeKind = "appointment_changed"   // appointment: moved to another window
	NoticeAppointmentCancelled NoticeKind = "appointment_cancelled" // appointment
	NoticeAppointmentClosed    NoticeKind = "appointment_closed"    // appointment: the visit is over
	NoticeVisitPlanned         NoticeKind = "visit_planned"         // visit: technician or time changed
	NoticeVisitMoved           NoticeKind = "visit_moved"           // visit: its state changed in the field
	NoticeDayChanged           NoticeKind = "day_changed"           // visit or shift; payload planning_area, date, and date_before where it came from another day
	NoticeWorkOrderResolved    NoticeKind = "work_order_resolved"   // work order; payload episode
	NoticeWorkOrderOpened      NoticeKind = "work_order_opened"     // work order: may spoil another's fix window
	NoticeReferralLogged       NoticeKind = "referral_logged"       // referral
	NoticeReferralMoved        NoticeKind = "referral_moved"        // referral: its state changed
	NoticeSaleChanged          NoticeKind = "sale_changed"          // referral: it was won, or its sale changed
	NoticeTimeFreed            NoticeKind = "time_freed"            // commitment; payload planning_area: somebody waits there
	NoticeWaitlistChanged      NoticeKind = "waitlist_changed"      // waiting list entry; payload planning_area
)

// Wakeup is when a sleeping workflow means to look at its rows again. The Watch…
// functions name the workflows.
type Wakeup struct {
	Tenant   TenantID
	Workflow string // workflow id
	Kind     string // workflow name
	Subject  string // its input: a resource name
	DueAt    time.Time
}

// Delivery is one message to the outside with its attempts. It holds ids; who it
// goes to and what it says is read when it is sent.
type Delivery struct {
	ID        DeliveryID
	Channel   Channel
	Template  string
	Subject   string // resource name of what it is about
	Recipient string // resource name of whom it goes to
	// DedupeKey makes a message one, however often it is asked for.
	DedupeKey string
	State     DeliveryState
	Reason    string // why it was suppressed or given up
	Receipt   string // what the provider answered
	Attempts  int
	DueAt     time.Time
	Lease     uuid.UUID
	CreatedAt time.Time // its retries end a while after this
}

// Channel is how a message travels.
type Channel string

// The channels.
const (
	ChannelMail Channel = "mail"
	ChannelText Channel = "text"
)

// DeliveryState is what became of a message.
type DeliveryState string

// The states of a delivery.
const (
	DeliveryPending    DeliveryState = "pending"
	DeliverySent       DeliveryState = "sent"
	DeliverySuppressed DeliveryState = "suppressed" // the recipient opted out or has no address
	DeliveryDead       DeliveryState = "dead"       // attempts are used up; can be replayed
)

// AuditEntry is the record of one privileged act. Time and id are the store's.
type AuditEntry struct {
	Actor     string
	Role      Role
	Method    string
	RequestID uuid.UUID
	Subject   string // resource name of what was changed, "" if none
	Detail    map[string]string
}

// The templates of messages to customers.
const (
	TemplateBooked    = "booked"
	TemplateReminder  = "reminder"
	TemplateChanged   = "changed"
	TemplateCancelled = "cancelled"
	TemplateOnTheWay  = "on_the_way"
	TemplateLate      = "late"
	TemplateDone      = "done"

	TemplateSlotFree = "slot_free" // a window for who waits for one

	TemplateInstalled = "installed" // is what was sold installed?
	TemplateUsed      = "used"      // is it used?
	TemplateSaving    = "saving"    // how much does it save?
)

// MessagesAbout makes the deliveries that tell an appointment's customer
// something, one per channel; what he does not allow is suppressed when it is
// sent. One template is sent once per promise.
func MessagesAbout(a Appointment, template string) []Delivery {
	var out []Delivery
	for _, channel := range []Channel{ChannelMail, ChannelText} {
		out = append(out, Delivery{
			Channel: channel, Template: template, Subject: a.Name(), Recipient: a.Customer.Name(),
			DedupeKey: fmt.Sprintf("%s/%s/%d/%s", a.Name(), template, a.Promise, channel),
		})
	}
	return out
}

// Superseded reports whether the message was meant for a promise of the
// appointment that is no longer in force.
func (d Delivery) Superseded(a Appointment) bool {
	rest, ok := strings.CutPrefix(d.DedupeKey, a.Name()+"/"+d.Template+"/")
	promise, _, _ := strings.Cut(rest, "/")
	ordinal, err := strconv.Atoi(promise)
	return ok && err == nil && ordinal != a.Promise
}
