// Package workforce is the administrator's room: the use cases that keep the map,
// the catalogue, technicians and their time, members, customers and places, and
// that read a city's requests into work.
//
// It plans nothing: what it changes under a plan (an absence, a shorter shift) it
// takes from the technician and leaves to the planner through a notice. Handlers
// of dispatch/grpcapi call it, and cmd/firstfix runs its importer.
package workforce

import (
	"context"

	"github.com/firstfix/firstfix/dispatch"
)

// Workforce is the use cases of the administrator.
type Workforce struct {
	store dispatch.Store
}

// New makes the use cases over a store.
func New(store dispatch.Store) *Workforce { return &Workforce{store: store} }

// Change writes what an update asks for into the entity as it is.
type Change[E any] func(*E) error

// listed is one page of a list with the key of the next one.
type listed[E any] struct {
	rows []E
	next string
}

// list reads one page in a snapshot.
func list[E any](ctx context.Context, w *Workforce, call dispatch.Call, read func(context.Context, dispatch.Tx) ([]E, string, error)) ([]E, string, error) {
	var page listed[E]
	err := w.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		var err error
		page.rows, page.next, err = read(ctx, tx)
		return err
	})
	return page.rows, page.next, err
}

// get reads one entity.
func get[E any](ctx context.Context, w *Workforce, call dispatch.Call, read func(context.Context, dispatch.Tx) (E, error)) (E, error) {
	var entity E
	err := w.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		var err error
		entity, err = read(ctx, tx)
		return err
	})
	return entity, err
}

// create checks an entity, writes it and gives it in its first version.
func create[E any](ctx context.Context, w *Workforce, call dispatch.Call, entity E,
	check func(context.Context, dispatch.Tx, *E) error, write func(context.Context, dispatch.Tx, E) error,
) (E, error) {
	return dispatch.Once(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (E, error) {
		made := entity // a transaction that is run again starts from what was asked
		if err := check(ctx, tx, &made); err != nil {
			return made, err
		}
		return made, write(ctx, tx, made)
	})
}

// versioned is what update needs to know of an entity.
type versioned[E any] struct {
	version func(*E) *int64
	name    func(E) string
	read    func(context.Context, dispatch.Tx) (E, error)
	check   func(context.Context, dispatch.Tx, *E) error
	save    func(context.Context, dispatch.Tx, E) error
}

// update changes an entity that is still in the version on which the change is
// based, and gives it in its new one.
func update[E any](ctx context.Context, w *Workforce, call dispatch.Call, version int64, change Change[E], v versioned[E]) (E, error) {
	return dispatch.Once(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (E, error) {
		entity, err := v.read(ctx, tx)
		if err != nil {
			return entity, err
		}
		if err := current(v.name(entity), *v.version(&entity), version); err != nil {
			return entity, err
		}
		if err := change(&entity); err != nil {
			return entity, err
		}
		if err := v.check(ctx, tx, &entity); err != nil {
			return entity, err
		}
		if err := v.save(ctx, tx, entity); err != nil {
			return entity, err
		}
		*v.version(&entity)++
		return entity, nil
	})
}

// current refuses a change that is based on another version than the row's.
func current(name string, is, based int64) error {
	if is == based {
		return nil
	}
	return dispatch.Refuse(dispatch.ReasonEtagMismatch, name, "somebody else changed it; read it again and decide anew")
}
