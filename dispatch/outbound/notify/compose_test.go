package notify

import (
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firstfix/firstfix/dispatch"
)

func facts(t *testing.T) dispatch.MessageFacts {
	t.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	return dispatch.MessageFacts{
		Company: "Boston Heating", Customer: "Ada Byron", Service: "Boiler repair", Address: "1 Beacon Street",
		Window: dispatch.Window{
			// The day on which daylight saving ends: noon is 17:00 UTC, not 16:00.
			Span: dispatch.Span{Start: time.Date(2011, 11, 6, 12, 0, 0, 0, zone).UTC(), End: time.Date(2011, 11, 6, 14, 30, 0, 0, zone).UTC()},
			Zone: "America/New_York",
		},
		AnswerBy:   time.Date(2011, 11, 4, 9, 30, 0, 0, zone).UTC(), // still in summer time
		Technician: "Grace",
		Link:       "https://firstfix.example/a#token",
	}
}

func newTestComposer(t *testing.T) *composer {
	t.Helper()
	c, err := newComposer("service@example.org")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMessagesAsTheyAreRead(t *testing.T) {
	t.Parallel()
	c := newTestComposer(t)
	for _, test := range []struct {
		channel            dispatch.Channel
		template, language string
		want               dispatch.Text
	}{
		{dispatch.ChannelMail, dispatch.TemplateBooked, "en-US", dispatch.Text{
			Subject: "Your appointment on Sunday, November 6, 2011",
			Body: "Hello Ada Byron,\n\nyour appointment is confirmed: Boiler repair\n" +
				"Sunday, November 6, 2011, arrival between 12:00 PM and 2:30 PM\n1 Beacon Street\n\n" +
				"To look at it, move it or cancel it, open\nhttps://firstfix.example/a#token\n\nBoston Heating\n",
		}},
		{dispatch.ChannelText, dispatch.TemplateReminder, "de-AT", dispatch.Text{
			Body: "Boston Heating: Erinnerung, wir kommen am Sonntag, 6. November 2011 zwischen 12:00 Uhr und 14:30 Uhr (Boiler repair). https://firstfix.example/a#token",
		}},
		{dispatch.ChannelText, dispatch.TemplateSlotFree, "en", dispatch.Text{
			Body: "Boston Heating: free on Sunday, November 6, 2011, arrival 12:00 PM to 2:30 PM (Boiler repair). Kept for you until Friday, November 4, 2011, 9:30 AM. https://firstfix.example/a#token",
		}},
		{dispatch.ChannelText, dispatch.TemplateOnTheWay, "fr", dispatch.Text{
			Body: "Boston Heating: Grace is on the way to you (Boiler repair).",
		}},
	} {
		got, err := c.compose(test.channel, test.template, test.language, facts(t))
		if err != nil {
			t.Errorf("%s %s in %s: %v", test.channel, test.template, test.language, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s %s in %s (-want +got):\n%s", test.channel, test.template, test.language, diff)
		}
	}
}

// TestEveryTemplateSpeaksEveryLanguage also without the facts that may be absent.
func TestEveryTemplateSpeaksEveryLanguage(t *testing.T) {
	t.Parallel()
	c := newTestComposer(t)
	bare := facts(t)
	bare.Link, bare.Technician = "", ""
	for _, v := range c.voices {
		files, err := fs.Glob(templates, "templates/"+v.dir+"/*.tmpl")
		if err != nil || len(files) != len(kinds) {
			t.Errorf("language %s has %d templates, %v; want %d", v.dir, len(files), err, len(kinds))
		}
		for _, kind := range kinds {
			for _, about := range []dispatch.MessageFacts{facts(t), bare} {
				mail, err := c.compose(dispatch.ChannelMail, kind, v.dir, about)
				if err != nil || mail.Subject == "" || strings.Contains(mail.Subject, "\n") || !strings.Contains(mail.Body, about.Customer) {
					t.Errorf("%s/%s as mail: %+v, %v", v.dir, kind, mail, err)
				}
				text, err := c.compose(dispatch.ChannelText, kind, v.dir, about)
				if err != nil || !strings.HasPrefix(text.Body, about.Company) || strings.Contains(text.Body, "\n") || text.Subject != "" {
					t.Errorf("%s/%s as text: %+v, %v", v.dir, kind, text, err)
				}
				if about.Link == "" && strings.Contains(mail.Body+text.Body, "https") {
					t.Errorf("%s/%s speaks of a link that is not there", v.dir, kind)
				}
			}
		}
	}
}

func TestNamesCannotWriteLines(t *testing.T) {
	t.Parallel()
	about := facts(t)
	about.Customer = "Ada\r\nBcc: all@example.org\u2028\u200b Byron"
	about.Service = "Boiler\nrepair"
	got, err := newTestComposer(t).compose(dispatch.ChannelMail, dispatch.TemplateDone, "en", about)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(got.Body, "Hello Ada Bcc: all@example.org Byron,\n") || !strings.Contains(got.Body, ": Boiler repair\n") {
		t.Errorf("got %q", got.Body)
	}
}

func TestWhatCannotBeComposed(t *testing.T) {
	t.Parallel()
	c := newTestComposer(t)
	if _, err := c.compose(dispatch.ChannelMail, "no_such", "en", facts(t)); err == nil {
		t.Error("a template that does not exist was composed")
	}
	about := facts(t)
	about.Window.Zone = "Local"
	if _, err := c.compose(dispatch.ChannelMail, dispatch.TemplateBooked, "en", about); err == nil {
		t.Error("a window without a zone was written")
	}
}
