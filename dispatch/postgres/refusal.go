package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/firstfix/firstfix/dispatch"
)

// retryable reports whether the database asked for the whole transaction to be
// run again. The answer may come at COMMIT.
func retryable(err error) bool {
	switch sqlState(err) {
	case pgerrcode.SerializationFailure, pgerrcode.DeadlockDetected:
		return true
	}
	return false
}

// constraintRefusals says what a broken constraint means to the caller.
// Constraints that are not here are our bugs.
var constraintRefusals = map[string]struct {
	reason  dispatch.Reason
	message string
}{
	"commitments_do_not_overlap": {dispatch.ReasonTechnicianBusy, "the technician's time is taken there"},
	"shifts_do_not_overlap":      {dispatch.ReasonShiftHoursInvalid, "the technician has a shift at that time already"},
	"operations_one_running":     {dispatch.ReasonOperationInProgress, "an operation of this kind is running; wait for it"},
	"sites_tenant_id_address_key_key": {
		dispatch.ReasonResourceExists, "a site with this address exists",
	},
	"waitlist_entries_open": {dispatch.ReasonResourceExists, "this work is waited for already"},
	"stock_of_warehouse":    {dispatch.ReasonStockInsufficient, "there are not so many"},
	"customers_external":    {dispatch.ReasonResourceExists, "a customer with this external reference exists"},
	"work_orders_external":  {dispatch.ReasonResourceExists, "a work order with this external reference exists"},
}

// refusal turns what the database said into a refusal where the caller can act
// on it. Everything else passes through and becomes INTERNAL at the door.
func refusal(err error) error {
	var already *dispatch.Error
	if err == nil || errors.As(err, &already) {
		return err
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pgRefusal(pg, err)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var dial *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &dial) || errors.As(err, &network) || pgconn.SafeToRetry(err) || isClosed(err) {
		return unavailable(err)
	}
	return err
}

func pgRefusal(pg *pgconn.PgError, err error) error {
	if known, ok := constraintRefusals[pg.ConstraintName]; ok {
		return dispatch.Refuse(known.reason, "", "%s", known.message).Because(err)
	}
	switch pg.Code {
	case pgerrcode.ForeignKeyViolation:
		return dispatch.Refuse(dispatch.ReasonReferenceNotFound, "", "the request names something that does not exist or is still in use").
			With("constraint", pg.ConstraintName).Because(err)
	case pgerrcode.UniqueViolation:
		return dispatch.Refuse(dispatch.ReasonResourceExists, "", "it exists already").
			With("constraint", pg.ConstraintName).Because(err)
	case pgerrcode.LockNotAvailable:
		return conflict("somebody else is changing the same rows").Because(err)
	case pgerrcode.QueryCanceled: // by statement_timeout; a caller who left is an error of his context
		return unavailable(err)
	case pgerrcode.AdminShutdown, pgerrcode.CrashShutdown, pgerrcode.CannotConnectNow, pgerrcode.TooManyConnections,
		pgerrcode.IdleInTransactionSessionTimeout:
		return unavailable(err)
	}
	return err
}

// isClosed reports whether the connection broke under the transaction. Whether a
// COMMIT took effect is then unknown: the caller repeats with the same key.
func isClosed(err error) bool {
	return errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrUnexpectedEOF)
}

// conflict refuses a transaction that lost against others; the same call may
// succeed in a moment.
func conflict(format string, args ...any) *dispatch.Error {
	refused := dispatch.Refuse(dispatch.ReasonTransactionConflict, "", format, args...)
	refused.RetryAfter = 100 * time.Millisecond
	return refused
}

func unavailable(err error) error {
	refused := dispatch.Refuse(dispatch.ReasonDatabaseUnavailable, "", "the database does not answer; repeat with the same request_id")
	refused.RetryAfter = time.Second
	return refused.Because(err)
}
