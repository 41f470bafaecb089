package workforce

import (
	"context"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"github.com/firstfix/firstfix/dispatch"
)

// faults gathers what is wrong with a request: all of it and not the first.
type faults struct {
	all *dispatch.Error
}

// add takes the refusal of a field, or nil.
func (f *faults) add(err error) {
	var refused *dispatch.Error
	switch {
	case !errors.As(err, &refused):
	case f.all == nil:
		whole := *refused
		f.all = &whole
	default:
		f.all.Fields = append(f.all.Fields, refused.Fields...)
	}
}

// field notes that one field is wrong.
func (f *faults) field(field, format string, args ...any) {
	f.add(dispatch.InvalidField(dispatch.ReasonInvalidRequest, field, format, args...))
}

func (f *faults) err() error {
	if f.all == nil {
		return nil // not a nil *dispatch.Error in an error
	}
	return f.all
}

// line brings one line of text into the form in which it is kept: canonical
// composition, so that two spellings of a name are one, without spaces around
// it. Control characters are refused.
func (f *faults) line(field string, text *string) { f.text(field, text, false) }

// label is a line that has at least one letter or digit.
func (f *faults) label(field string, text *string) {
	f.text(field, text, false)
	if !strings.ContainsFunc(*text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }) {
		f.field(field, "it needs at least one letter or digit")
	}
}

// prose is text that may have several lines.
func (f *faults) prose(field string, text *string) { f.text(field, text, true) }

func (f *faults) text(field string, text *string, lines bool) {
	if !utf8.ValidString(*text) {
		f.field(field, "it is not UTF-8")
		return
	}
	clean := norm.NFC.String(strings.TrimSpace(*text))
	for _, r := range clean {
		if unicode.IsControl(r) && (!lines || (r != '\n' && r != '\t' && r != '\r')) {
			f.add(&dispatch.Error{
				Reason: dispatch.ReasonInvalidRequest, Message: field + ": it holds a control character",
				Fields: []dispatch.FieldViolation{{Field: field, Reason: "CONTROL_CHARACTER", Message: "it holds the control character " + strings.ToUpper(quoted(r))}},
			})
			return
		}
	}
	*text = clean
}

func quoted(r rune) string {
	const hex = "0123456789abcdef"
	return "U+00" + string([]byte{hex[r>>4&15], hex[r&15]})
}

// email brings an address for mail into its one spelling; empty is fine.
func (f *faults) email(field string, text *string) {
	if *text == "" {
		return
	}
	clean, err := dispatch.CleanEmail(field, *text)
	f.add(err)
	if err == nil {
		*text = clean
	}
}

// phone brings a number into E.164, reading a national spelling in region; empty
// is fine.
func (f *faults) phone(field string, text *string, region string) {
	if *text == "" {
		return
	}
	clean, err := dispatch.CleanPhoneIn(field, *text, region)
	f.add(err)
	if err == nil {
		*text = clean
	}
}

// zone refuses what is no IANA zone of a region.
func (f *faults) zone(field, name string) {
	_, err := dispatch.Zone(name)
	var refused *dispatch.Error
	if errors.As(err, &refused) {
		f.add(dispatch.InvalidField(refused.Reason, field, "%s", strings.TrimPrefix(refused.Message, "time_zone: ")))
	}
}

// point refuses a place that is not on earth. Comparisons are false for NaN, so
// they say what is allowed.
func (f *faults) point(field string, p dispatch.Point) {
	if !onEarth(p) {
		f.add(dispatch.InvalidField(dispatch.ReasonLocationOutOfRange, field,
			"expected a latitude within 90 and a longitude within 180 degrees"))
	}
}

func onEarth(p dispatch.Point) bool {
	return p.Latitude >= -90 && p.Latitude <= 90 && p.Longitude >= -180 && p.Longitude <= 180
}

// reference turns "does not exist" about something that a request refers to into
// a fault of the field that refers to it. Of another tenant counts as missing.
// The second result is what is not about the reference.
func (f *faults) reference(field, name string, err error) error {
	if dispatch.ReasonOf(err) != dispatch.ReasonResourceNotFound {
		return err
	}
	f.add(dispatch.MissingReference(field, name))
	return nil
}

// regionOf is the region in which the tenant's people spell their phone numbers.
func regionOf(ctx context.Context, tx dispatch.Tx) (string, error) {
	tenant, err := tx.GetTenant(ctx)
	return tenant.Region(), err
}

// language brings a tag into its canonical form (BCP 47); empty is fine.
func (f *faults) language(field string, tag *string) {
	if *tag == "" {
		return
	}
	parsed, err := language.Parse(*tag)
	if err != nil {
		f.field(field, "%.35q is no language, expected e.g. en or pt-BR", *tag)
		return
	}
	*tag = parsed.String()
}
