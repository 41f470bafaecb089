package postgres

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/firstfix/firstfix/dispatch"
)

// cut takes away the row too many that a query for size+1 rows may give, and
// makes the key of the last one that stays: the page after it exists.
func cut[T any](rows []T, size int, key func(T) string) ([]T, string) {
	if len(rows) <= size {
		return rows, ""
	}
	return rows[:size], key(rows[size-1])
}

// uuidAfter reads a key that is an id; "" is before the first.
func uuidAfter(after string) (uuid.UUID, error) {
	if after == "" {
		return uuid.Nil, nil
	}
	id, err := uuid.Parse(after)
	if err != nil {
		return uuid.Nil, badKey(err)
	}
	return id, nil
}

// A key of a text and an id is the text with the id behind it.
func textKey(text string, id uuid.UUID) string { return text + "\n" + id.String() }

func textAfter(after string) (text string, id uuid.UUID, err error) {
	if after == "" {
		return "", uuid.Nil, nil
	}
	at := strings.LastIndexByte(after, '\n')
	if id, err = uuid.Parse(after[at+1:]); err != nil || at < 0 {
		return "", uuid.Nil, badKey(err)
	}
	return after[:at], id, nil
}

// A key of an instant and an id is the instant, to the microsecond of the
// database, with the id behind it.
func timeKey(at time.Time, id uuid.UUID) string {
	return textKey(at.UTC().Format(time.RFC3339Nano), id)
}

func timeAfter(after string) (at time.Time, id uuid.UUID, err error) {
	if after == "" {
		// Before every row: the calendar of the domain begins in 1900.
		return time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), uuid.Nil, nil
	}
	text, id, err := textAfter(after)
	if err != nil {
		return at, id, err
	}
	if at, err = time.Parse(time.RFC3339Nano, text); err != nil {
		return at, id, badKey(err)
	}
	return at, id, nil
}

// badKey: page tokens are sealed, so that a key that cannot be read was sealed
// for another list.
func badKey(cause error) error {
	return dispatch.InvalidField(dispatch.ReasonPageTokenInvalid, "page_token", "it is not the token of this list").Because(cause)
}

// splitLine takes a key of two lines apart.
func splitLine(after string) (first, second string) {
	first, second, _ = strings.Cut(after, "\n")
	return first, second
}
