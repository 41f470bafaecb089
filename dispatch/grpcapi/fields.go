package grpcapi

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/firstfix/firstfix/dispatch"
)

// field is one writable field of a resource: its path in an update mask, and how
// its value in a message is written into an entity. One list of them serves
// creation and update, so that a field cannot be writable in one and unknown in
// the other.
type field[E any] struct {
	path string
	set  func(*E) error
	// absent is true where the field is required and the message lacks it.
	absent bool
	// once is true for a field that is set when the resource is made and never
	// changed.
	once bool
}

// whole makes an entity of all fields; it refuses all faults, not the first.
func whole[E any](fields []field[E]) (E, error) {
	var entity E
	var all error
	for _, f := range fields {
		all = joinFaults(all, f.set(&entity))
	}
	return entity, all
}

// masked gives the change that writes the fields of a mask.
func masked[E any](resource string, mask *fieldmaskpb.FieldMask, fields []field[E]) (func(*E) error, error) {
	var all error
	var chosen []field[E]
	if len(mask.GetPaths()) == 0 {
		return nil, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "update_mask", "it names no field")
	}
	for _, path := range mask.GetPaths() {
		f, err := writable(path, fields)
		switch {
		case err != nil:
			all = joinFaults(all, err)
		case f.absent:
			all = joinFaults(all, dispatch.InvalidField(dispatch.ReasonInvalidRequest, resource+"."+path, "it is required"))
		default:
			chosen = append(chosen, f)
		}
	}
	change := func(entity *E) error {
		var all error
		for _, f := range chosen {
			all = joinFaults(all, f.set(entity))
		}
		return all
	}
	if all != nil {
		return nil, all
	}
	var rehearsal E
	return change, change(&rehearsal)
}

func writable[E any](path string, fields []field[E]) (field[E], error) {
	if path == "*" {
		return field[E]{}, dispatch.InvalidField(dispatch.ReasonWildcardMaskNotAllowed, "update_mask", "name each field that shall change")
	}
	var known []string
	for _, f := range fields {
		if f.path == path && !f.once {
			return f, nil
		}
		if !f.once {
			known = append(known, f.path)
		}
	}
	return field[E]{}, dispatch.InvalidField(dispatch.ReasonFieldNotWritable, "update_mask",
		"%.80q cannot be changed; expected some of %s", path, strings.Join(known, ", ")).With("field", path)
}

// joinFaults puts the field violations of two refusals into one; the first says
// the reason.
func joinFaults(all, err error) error {
	var first, next *dispatch.Error
	switch {
	case err == nil:
		return all
	case all == nil:
		return err
	case errors.As(all, &first) && errors.As(err, &next):
		joined := *first
		joined.Fields = append(joined.Fields[:len(joined.Fields):len(joined.Fields)], next.Fields...)
		return &joined
	}
	return err
}

// plain is a field whose value goes over as it is.
func plain[E, V any](path string, value V, at func(*E) *V) field[E] {
	return field[E]{path: path, set: func(entity *E) error {
		*at(entity) = value
		return nil
	}}
}

// read is a field whose value has to be read.
func read[E, V any](path string, parse func() (V, error), at func(*E) *V) field[E] {
	return field[E]{path: path, set: func(entity *E) error {
		value, err := parse()
		if err == nil {
			*at(entity) = value
		}
		return err
	}}
}

// needs says that the field is required and whether the message has it.
func (f field[E]) needs(present bool) field[E] {
	f.absent = !present
	return f
}

// fixed says that the field never changes.
func (f field[E]) fixed() field[E] {
	f.once = true
	return f
}

// answer turns what a use case gave into a message.
func answer[E, M any](to func(E) *M) func(E, error) (*M, error) {
	return func(entity E, err error) (*M, error) {
		if err != nil {
			return nil, err
		}
		return to(entity), nil
	}
}

// listed runs a list method: the page that is asked for, its messages, and the
// token of the next one.
func listed[E, M any](ctx context.Context, p pages, req pagedRequest,
	list func(dispatch.Page) ([]E, string, error), to func(E) *M,
) ([]*M, string, error) {
	page, err := p.open(ctx, req)
	if err != nil {
		return nil, "", err
	}
	entities, after, err := list(page)
	if err != nil {
		return nil, "", err
	}
	messages := make([]*M, len(entities))
	for i, entity := range entities {
		messages[i] = to(entity)
	}
	next, err := p.next(ctx, req, after)
	return messages, next, err
}
