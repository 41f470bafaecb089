package fieldwork

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/firstfix/firstfix/dispatch"
)

// faultOf finds what makes an event unfit to be stored, whatever the state of
// things; nil if nothing does. Lengths are the contract's to limit.
func faultOf(e dispatch.FieldEvent) *dispatch.Error {
	invalid := func(field, format string, args ...any) *dispatch.Error {
		return dispatch.InvalidField(dispatch.ReasonEventPayloadInvalid, field, format, args...)
	}
	d := e.Detail
	for _, field := range []struct{ name, text string }{
		{"reason", d.Reason}, {"text", d.Text}, {"item", d.Item}, {"media_type", d.MediaType}, {"activity", d.Activity},
	} {
		if !writable(field.text) {
			return invalid(field.name, "it holds a NUL or is not UTF-8")
		}
	}
	serials := []string{d.SerialNumber}
	for _, part := range d.Parts {
		serials = append(serials, part.SerialNumber)
	}
	for _, serial := range serials {
		if !writable(serial) || strings.ContainsFunc(serial, unicode.IsControl) {
			return invalid("serial_number", "it holds control characters")
		}
	}
	switch {
	case e.Kind == dispatch.EventCompleted && d.Outcome != dispatch.OutcomeResolved && d.Outcome != dispatch.OutcomeCancelledOnSite:
		return invalid("completed.outcome", "%q is none of a completed visit, expected resolved or cancelled_on_site", d.Outcome)
	case e.Kind == dispatch.EventNeedsReturn && d.Reason == "":
		return invalid("needs_return.reason", "it is required")
	case e.Kind == dispatch.EventTimeEntry && (d.From == nil || d.Until == nil || !d.From.Before(*d.Until)):
		return invalid("time_entry", "its end must be after its start")
	case e.Visit.IsZero() && e.Kind != dispatch.EventLocation:
		return invalid("visit", "it is required for %s", e.Kind)
	case e.Epoch < 1 || e.Seq < 1:
		return invalid("seq", "epoch %d and seq %d must be at least 1", e.Epoch, e.Seq)
	}
	return nil
}

// writable reports whether PostgreSQL can keep a text.
func writable(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
