package dispatch

import (
	"errors"
	"fmt"
	"time"
)

// Error is a refusal that the caller can act on. Everything else that goes
// wrong is our bug or an outage: its text stays in the log.
type Error struct {
	Reason  Reason
	Subject string // resource name of what refused, "" if none
	Message string // says what, which and why, once; no personal data
	// Fields are the faults of the request, all of them and not the first.
	Fields []FieldViolation
	// Metadata holds whatever is variable in Message (AIP-193), keys in
	// lowerCamelCase.
	Metadata map[string]string
	// RetryAfter is set where the same call may succeed later.
	RetryAfter time.Duration
	cause      error
}

// FieldViolation is one fault of one field, named by its path in the request.
type FieldViolation struct {
	Field   string // e.g. "window.start"
	Reason  string // e.g. "REQUIRED"
	Message string
}

func (e *Error) Error() string {
	if e.Subject == "" {
		return fmt.Sprintf("%s: %s", e.Reason, e.Message)
	}
	return fmt.Sprintf("%s: %s: %s", e.Reason, e.Subject, e.Message)
}

// Unwrap gives the cause, which never reaches a client.
func (e *Error) Unwrap() error { return e.cause }

// Refuse makes a refusal about subject, a resource name or "".
func Refuse(reason Reason, subject, format string, args ...any) *Error {
	return &Error{Reason: reason, Subject: subject, Message: fmt.Sprintf(format, args...)}
}

// With adds one piece of metadata and returns the same error.
func (e *Error) With(key, value string) *Error {
	if e.Metadata == nil {
		e.Metadata = map[string]string{}
	}
	e.Metadata[key] = value
	return e
}

// Because records the cause for the log and returns the same error.
func (e *Error) Because(cause error) *Error {
	e.cause = cause
	return e
}

// InvalidField refuses one field of a request.
func InvalidField(reason Reason, field, format string, args ...any) *Error {
	message := fmt.Sprintf(format, args...)
	return &Error{
		Reason:  reason,
		Message: field + ": " + message,
		Fields:  []FieldViolation{{Field: field, Reason: string(reason), Message: message}},
	}
}

// MissingReference refuses a field that refers to what does not exist. Of another
// tenant counts as missing.
func MissingReference(field, name string) *Error {
	refused := InvalidField(ReasonReferenceNotFound, field, "%s does not exist", name)
	refused.Subject = name
	return refused
}

// NotFound refuses because name does not exist within the tenant.
func NotFound(name string) *Error {
	return Refuse(ReasonResourceNotFound, name, "does not exist")
}

// ReasonOf gives the reason of a refusal anywhere in err's chain, or "".
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}
