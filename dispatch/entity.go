package dispatch

import "context"

// Read reads in a snapshot of the caller's tenant.
func Read[E any](ctx context.Context, store Store, call Call, read func(context.Context, Tx) (E, error)) (E, error) {
	var entity E
	err := store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx Tx) error {
		var err error
		entity, err = read(ctx, tx)
		return err
	})
	return entity, err
}

// ReadPage reads one page of a list, in a snapshot, and the key of the next.
func ReadPage[E any](ctx context.Context, store Store, call Call, read func(context.Context, Tx) ([]E, string, error)) ([]E, string, error) {
	var next string
	rows, err := Read(ctx, store, call, func(ctx context.Context, tx Tx) (rows []E, err error) {
		rows, next, err = read(ctx, tx)
		return rows, err
	})
	return rows, next, err
}

// Writer writes an entity: a method of Tx, e.g. Tx.SaveSkill.
type Writer[E any] func(Tx, context.Context, E) error

// Create checks an entity, writes it and gives it in its first version, once per
// request.
func Create[E any](ctx context.Context, store Store, call Call, entity E,
	check func(context.Context, Tx, *E) error, write Writer[E],
) (E, error) {
	return Once(ctx, store, call, func(ctx context.Context, tx Tx) (E, error) {
		made := entity // a transaction that is run again starts from what was asked
		if err := check(ctx, tx, &made); err != nil {
			return made, err
		}
		return made, write(tx, ctx, made)
	})
}

// Change writes what an update asks for into the entity as it is.
type Change[E any] func(*E) error

// Versioned is what Update needs to know of an entity.
type Versioned[E any] struct {
	Version func(*E) *int64
	Name    func(E) string
	Read    func(context.Context, Tx) (E, error)
	Check   func(context.Context, Tx, *E) error
	Save    Writer[E]
}

// Update changes an entity that is still in the version on which the change is
// based, and gives it in its new one, once per request.
func Update[E any](ctx context.Context, store Store, call Call, version int64, change Change[E], v Versioned[E]) (E, error) {
	return Once(ctx, store, call, func(ctx context.Context, tx Tx) (E, error) {
		entity, err := v.Read(ctx, tx)
		if err != nil {
			return entity, err
		}
		if err := CheckVersion(v.Name(entity), *v.Version(&entity), version); err != nil {
			return entity, err
		}
		if err := change(&entity); err != nil {
			return entity, err
		}
		if err := v.Check(ctx, tx, &entity); err != nil {
			return entity, err
		}
		if err := v.Save(tx, ctx, entity); err != nil {
			return entity, err
		}
		*v.Version(&entity)++
		return entity, nil
	})
}

// CheckVersion refuses a change that is based on another version than the row's; 0
// is whichever.
func CheckVersion(name string, is, based int64) error {
	if based == 0 || is == based {
		return nil
	}
	return Refuse(ReasonEtagMismatch, name, "somebody else changed it; read it again and decide anew")
}
