package dispatch

import (
	"context"
	"errors"
	"time"
)

// Messenger is the port to people outside. dispatch/outbound/notify is behind
// it.
type Messenger interface {
	// Carries reports whether there is a provider for the channel.
	Carries(channel Channel) bool
	// Compose writes what a template says in a language (BCP 47; one that is
	// not spoken falls back to English).
	Compose(channel Channel, template, language string, about MessageFacts) (Text, error)
	// Send hands a message to the channel's provider and gives its receipt. The
	// same Key is the same message: a provider may see it more than once. An
	// error that wraps ErrUndeliverable is the provider's last word.
	Send(ctx context.Context, m Message) (receipt string, err error)
}

// ErrUndeliverable marks a message that no further attempt would deliver.
var ErrUndeliverable = errors.New("undeliverable")

// Message is one message to one person. It is made when it is sent and never
// stored.
type Message struct {
	Channel Channel
	Key     string // the delivery's resource name
	Tenant  TenantID
	To      string // mail address, or phone number in E.164
	Text    Text
}

// Text is what a message says. A channel without subject lines leaves Subject
// out.
type Text struct {
	Subject string
	Body    string
	// Calendar is an iCalendar object that puts the appointment into the reader's
	// calendar, moves it or takes it out; "" where the message has none.
	Calendar string
}

// MessageFacts is what templates may speak of.
type MessageFacts struct {
	Company  string
	Customer string
	Service  string
	Address  string
	Window   Window
	// Appointment, Revision and Now make a calendar's entry: which one, how often
	// it has changed, and when this was written.
	Appointment AppointmentID
	Revision    int64
	Now         time.Time
	Technician  string    // first name; "" until he is on the way
	Promised    string    // what was promised to be saved, "" where nothing was
	AnswerBy    time.Time // until when a free window is kept; zero where none is offered
	Link        string    // to the appointment's page, "" where there is none
}
