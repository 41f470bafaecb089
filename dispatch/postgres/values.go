package postgres

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

// uuidOrZero is the scan side of orNull: w.Customer.UUID = uuidOrZero(customer).
func uuidOrZero(id *uuid.UUID) uuid.UUID {
	if id == nil {
		return uuid.Nil
	}
	return *id
}

// toSeconds is a duration as its columns hold it; what is finer is cut off.
func toSeconds(d time.Duration) int64 { return int64(d / time.Second) }

// fromSeconds is the scan side of toSeconds.
func fromSeconds(n int64) time.Duration { return time.Duration(n) * time.Second }

// oneOrNone runs a query for at most one row; found is false where there is none.
func oneOrNone[T any](ctx context.Context, t *tx, sql string, pairs pgx.NamedArgs, scan pgx.RowToFunc[T]) (value T, found bool, err error) {
	rows, err := t.db.Query(ctx, sql, t.args(pairs))
	if err != nil {
		return value, false, err
	}
	value, err = pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return value, false, nil
	}
	return value, err == nil, err
}

// etagMismatch refuses a save of a version that is not the row's any more.
func etagMismatch(name string, version int64) error {
	return dispatch.Refuse(dispatch.ReasonEtagMismatch, name, "version %d is not the latest; read it again and decide anew", version).
		With("version", strconv.FormatInt(version, 10))
}
