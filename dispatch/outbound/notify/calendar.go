package notify

import (
	"time"

	ics "github.com/arran4/golang-ical"

	"github.com/firstfix/firstfix/dispatch"
)

// calendarStatus says which messages carry an entry for the customer's calendar,
// and what it does there: a message that is sent again or an hour late changes
// nothing, since a calendar keeps the entry with the highest sequence.
var calendarStatus = map[string]ics.ObjectStatus{
	dispatch.TemplateBooked:    ics.ObjectStatusConfirmed,
	dispatch.TemplateChanged:   ics.ObjectStatusConfirmed,
	dispatch.TemplateCancelled: ics.ObjectStatusCancelled,
}

// calendar makes the iCalendar object (RFC 5545, RFC 5546) of a message; "" where
// it carries none. Instants are written in UTC, so that they are right whatever a
// calendar knows of zones and of when their clocks change. The link to the
// appointment stays in the mail: calendars are shared with others.
func calendar(kind, sender string, about dispatch.MessageFacts) string {
	status, carries := calendarStatus[kind]
	if !carries || about.Appointment.IsZero() {
		return ""
	}
	c := ics.NewCalendar()
	c.SetProductId("-//Firstfix//Appointments//EN")
	c.SetMethod(ics.MethodPublish) // nobody is asked for an answer
	if status == ics.ObjectStatusCancelled {
		c.SetMethod(ics.MethodCancel)
	}
	event := c.AddEvent(about.Appointment.String() + "@firstfix")
	event.SetSequence(int(about.Revision))
	event.SetDtStampTime(about.Now)
	event.SetStartAt(about.Window.Start.Truncate(time.Second))
	event.SetEndAt(about.Window.End.Truncate(time.Second))
	event.SetSummary(about.Company + ": " + about.Service)
	event.SetLocation(about.Address)
	event.SetStatus(status)
	event.SetOrganizer("mailto:"+sender, ics.WithCN(about.Company))
	return c.Serialize()
}
