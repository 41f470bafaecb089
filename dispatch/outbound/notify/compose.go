package notify

import (
	"embed"
	"fmt"
	"strings"
	"text/template"
	"time"
	"unicode"

	"golang.org/x/text/language"

	"github.com/firstfix/firstfix/dispatch"
)

// templates holds one file per language and template, each with three blocks:
// the subject and the body of a mail, and a text.
//
//go:embed templates
var templates embed.FS

// voice is a language that messages are written in.
type voice struct {
	tag language.Tag
	dir string
	// date and clock write an instant as a reader of the language expects it.
	date, clock func(time.Time) string
	compiled    map[string]*template.Template
}

// kinds are all templates; every voice has each.
var kinds = []string{
	dispatch.TemplateBooked, dispatch.TemplateReminder, dispatch.TemplateChanged, dispatch.TemplateCancelled,
	dispatch.TemplateOnTheWay, dispatch.TemplateLate, dispatch.TemplateDone,
	dispatch.TemplateSlotFree, dispatch.TemplateInstalled, dispatch.TemplateUsed, dispatch.TemplateSaving,
}

// composer writes messages. The first voice is the one for strangers.
type composer struct {
	voices  []voice
	matcher language.Matcher
	sender  string // of entries in calendars: a mail address
}

func newComposer(sender string) (*composer, error) {
	c := &composer{voices: []voice{english, german}, sender: sender}
	var tags []language.Tag
	for i := range c.voices {
		if err := c.voices[i].compile(); err != nil {
			return nil, err
		}
		tags = append(tags, c.voices[i].tag)
	}
	c.matcher = language.NewMatcher(tags)
	return c, nil
}

func (v *voice) compile() error {
	v.compiled = map[string]*template.Template{}
	for _, kind := range kinds {
		path := "templates/" + v.dir + "/" + kind + ".tmpl"
		t, err := template.New(kind).Option("missingkey=error").Funcs(template.FuncMap{
			"date":  func(w dispatch.Window) (string, error) { return onClock(v.date, w.Start, w.Zone) },
			"from":  func(w dispatch.Window) (string, error) { return onClock(v.clock, w.Start, w.Zone) },
			"until": func(w dispatch.Window) (string, error) { return onClock(v.clock, w.End, w.Zone) },
			"moment": func(at time.Time, w dispatch.Window) (string, error) {
				return onClock(func(t time.Time) string { return v.date(t) + ", " + v.clock(t) }, at, w.Zone)
			},
		}).ParseFS(templates, path)
		if err != nil {
			return fmt.Errorf("read the template %s: %w", path, err)
		}
		v.compiled[kind] = t
	}
	return nil
}

// onClock writes an instant as the clocks of the zone show it, which is how the
// window was promised.
func onClock(form func(time.Time) string, instant time.Time, zoneName string) (string, error) {
	zone, err := dispatch.Zone(zoneName)
	if err != nil {
		return "", err
	}
	return form(instant.In(zone)), nil
}

// compose implements dispatch.Messenger's Compose.
func (c *composer) compose(channel dispatch.Channel, kind, wanted string, about dispatch.MessageFacts) (dispatch.Text, error) {
	_, i := language.MatchStrings(c.matcher, wanted)
	t, ok := c.voices[i].compiled[kind]
	if !ok {
		return dispatch.Text{}, fmt.Errorf("compose a message: no template is named %.40q", kind)
	}
	about = tidy(about)
	block := func(name string) (string, error) {
		var b strings.Builder
		if err := t.ExecuteTemplate(&b, name, about); err != nil {
			return "", fmt.Errorf("compose a message from the template %s: %w", kind, err)
		}
		return strings.TrimSpace(b.String()), nil
	}
	if channel == dispatch.ChannelText {
		body, err := block("text")
		return dispatch.Text{Body: body}, err
	}
	subject, err := block("subject")
	if err != nil {
		return dispatch.Text{}, err
	}
	body, err := block("mail")
	if err != nil {
		return dispatch.Text{}, err
	}
	return dispatch.Text{Subject: subject, Body: body + "\n", Calendar: calendar(kind, c.sender, about)}, nil
}

// tidy keeps what people typed from breaking lines or hiding text: a name cannot
// write another line into a mail.
func tidy(about dispatch.MessageFacts) dispatch.MessageFacts {
	for _, field := range []*string{&about.Company, &about.Customer, &about.Service, &about.Address, &about.Technician, &about.Promised, &about.Link} {
		*field = strings.Join(strings.FieldsFunc(*field, func(r rune) bool {
			return unicode.IsSpace(r) || unicode.Is(unicode.C, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
		}), " ")
	}
	return about
}
