package notify

import (
	"strings"
	"testing"
	"time"

	ics "github.com/arran4/golang-ical"
	"github.com/google/uuid"
	smtpmock "github.com/mocktools/go-smtp-mock/v2"

	"github.com/firstfix/firstfix/dispatch"
)

// TestOneEntryInTheCustomersCalendar: booked, moved and cancelled are one entry by
// its UID, each with a higher sequence, at the instant that was promised on the
// day the clocks change.
func TestOneEntryInTheCustomersCalendar(t *testing.T) {
	t.Parallel()
	c := newTestComposer(t)
	about := facts(t)
	about.Appointment, about.Now = dispatch.AppointmentID{UUID: uuid.MustParse("0190a000-0000-7000-8000-000000000001")}, about.Window.Start.Add(-48*time.Hour)
	about.Service = "Boiler, repair; and a line\nthat nobody may add"
	entry := func(kind string, revision int64) *ics.VEvent {
		t.Helper()
		about.Revision = revision
		text, err := c.compose(dispatch.ChannelMail, kind, "en", about)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := ics.ParseCalendar(strings.NewReader(text.Calendar))
		if err != nil || len(parsed.Events()) != 1 {
			t.Fatalf("%s: %v in\n%s", kind, err, text.Calendar)
		}
		if strings.Contains(text.Calendar, "token") {
			t.Errorf("%s: the entry holds the customer's link:\n%s", kind, text.Calendar)
		}
		for line := range strings.SplitSeq(text.Calendar, "\n") {
			if len(line) > 76 {
				t.Errorf("%s: a line of %d octets, RFC 5545 allows 75", kind, len(line)-1)
			}
		}
		return parsed.Events()[0]
	}
	value := func(e *ics.VEvent, p ics.ComponentProperty) string {
		if got := e.GetProperty(p); got != nil {
			return got.Value
		}
		return ""
	}
	for _, step := range []struct {
		kind     string
		revision int64
		status   string
	}{
		{dispatch.TemplateBooked, 1, "CONFIRMED"}, {dispatch.TemplateChanged, 2, "CONFIRMED"}, {dispatch.TemplateCancelled, 3, "CANCELLED"},
	} {
		e := entry(step.kind, step.revision)
		start, err := e.GetStartAt()
		if err != nil || !start.Equal(about.Window.Start) {
			t.Errorf("%s: begins at %s, %v; want %s", step.kind, start, err, about.Window.Start)
		}
		if value(e, ics.ComponentPropertyUniqueId) != "0190a000-0000-7000-8000-000000000001@firstfix" || value(e, ics.ComponentPropertyStatus) != step.status ||
			value(e, ics.ComponentPropertySequence) != string(rune('0'+step.revision)) || value(e, ics.ComponentPropertyOrganizer) != "mailto:service@example.org" {
			t.Errorf("%s: %+v", step.kind, e)
		}
		if got := value(e, ics.ComponentPropertySummary); got != "Boston Heating: Boiler, repair; and a line that nobody may add" {
			t.Errorf("%s: summary %q", step.kind, got)
		}
	}
	for _, kind := range []string{dispatch.TemplateReminder, dispatch.TemplateLate, dispatch.TemplateDone} {
		if text, err := c.compose(dispatch.ChannelMail, kind, "en", about); err != nil || text.Calendar != "" {
			t.Errorf("%s carries an entry, %v:\n%s", kind, err, text.Calendar)
		}
	}
}

// TestTheEntryIsAttached to the mail as a calendar reads it.
func TestTheEntryIsAttached(t *testing.T) {
	t.Parallel()
	server, n := smtpServer(t, smtpmock.ConfigurationAttr{})
	message := letter()
	message.Text.Calendar = "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"
	if _, err := n.Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	got, err := server.WaitForMessages(1, 5*time.Second)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d messages arrived, %v; want one", len(got), err)
	}
	for _, want := range []string{`Content-Disposition: attachment; filename="appointment.ics"`, "Content-Type: text/calendar; charset=UTF-8", "text/plain"} {
		if !strings.Contains(got[0].MsgRequest(), want) {
			t.Errorf("no %q in\n%s", want, got[0].MsgRequest())
		}
	}
}
