// Package postgres is the store: SQL, transactions and row scans, behind the
// port dispatch.Store. Nothing else in Firstfix knows SQL. It decides nothing:
// rules are in dispatch, invariants are constraints of the schema.
//
// Every statement is a constant directly above the method that runs it; a test
// prepares them all against the migrated schema as the application's role.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/firstfix/firstfix/dispatch"
)

// Store is a pool of connections to the database.
type Store struct {
	pool *pgxpool.Pool
}

// The limits of every transaction. They lie below the deadlines of the calls, so
// that the database gives up first and says why.
const (
	lockTimeout      = 2 * time.Second
	statementTimeout = 15 * time.Second
	idleTimeout      = 10 * time.Second
	maxTries         = 4
)

// Open connects to the database at url as a role that is a NOINHERIT member of
// firstfix_app and firstfix_relay. maxConns 0 leaves the pool's size to url.
func Open(ctx context.Context, url string, maxConns int32) (*Store, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the database url: %w", err)
	}
	if maxConns > 0 {
		config.MaxConns = maxConns
	}
	for name, limit := range map[string]time.Duration{
		"lock_timeout":                        lockTimeout,
		"statement_timeout":                   statementTimeout,
		"idle_in_transaction_session_timeout": idleTimeout,
	} {
		config.ConnConfig.RuntimeParams[name] = fmt.Sprint(limit.Milliseconds())
	}
	config.ConnConfig.RuntimeParams["application_name"] = "firstfix"
	config.AfterConnect = registerTypes
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return &Store{pool: pool}, nil
}

// Close waits for the transactions under way and closes the pool.
func (s *Store) Close() { s.pool.Close() }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }

// tx is one transaction of one tenant. It is the only implementation of
// dispatch.Tx; its methods are spread over the files of this package by room.
type tx struct {
	db     pgx.Tx
	tenant dispatch.TenantID
}

// InTx implements dispatch.Store.
func (s *Store) InTx(ctx context.Context, tenant dispatch.TenantID, fn func(context.Context, dispatch.Tx) error) error {
	return s.retry(ctx, pgx.TxOptions{}, "firstfix_app", tenant, func(ctx context.Context, t *tx) error { return fn(ctx, t) })
}

// View implements dispatch.Store.
func (s *Store) View(ctx context.Context, tenant dispatch.TenantID, fn func(context.Context, dispatch.Tx) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return s.retry(ctx, options, "firstfix_app", tenant, func(ctx context.Context, t *tx) error { return fn(ctx, t) })
}

// inRelay runs fn in a transaction of the relay's role, before a tenant is known.
func (s *Store) inRelay(ctx context.Context, fn func(context.Context, *tx) error) error {
	return s.retry(ctx, pgx.TxOptions{}, "firstfix_relay", dispatch.TenantID{}, fn)
}

// retry is the one function that begins transactions. It sets role and tenant
// for this transaction alone, so that a connection handed back to the pool may
// do nothing, and runs the whole transaction again where the database asks.
func (s *Store) retry(ctx context.Context, options pgx.TxOptions, role string, tenant dispatch.TenantID, fn func(context.Context, *tx) error) error {
	var err error
	for try := range maxTries {
		if try > 0 {
			if wait(ctx, try) != nil {
				break
			}
		}
		err = s.once(ctx, options, role, tenant, fn)
		if !retryable(err) {
			return refusal(err)
		}
	}
	return conflict("the transaction lost %d races in a row", maxTries).Because(err)
}

func (s *Store) once(ctx context.Context, options pgx.TxOptions, role string, tenant dispatch.TenantID, fn func(context.Context, *tx) error) error {
	options.BeginQuery = enter(options, role, tenant)
	return pgx.BeginTxFunc(ctx, s.pool, options, func(db pgx.Tx) error {
		return fn(ctx, &tx{db: db, tenant: tenant})
	})
}

// enter begins a transaction of a role in a tenant in one round trip: half of all
// statements would otherwise only say who is asking. What is put together here is
// our own words and a UUID.
func enter(options pgx.TxOptions, role string, tenant dispatch.TenantID) string {
	begin := "BEGIN"
	if options.IsoLevel != "" {
		begin += " ISOLATION LEVEL " + string(options.IsoLevel)
	}
	if options.AccessMode != "" {
		begin += " " + string(options.AccessMode)
	}
	setting := ""
	if !tenant.IsZero() {
		setting = tenant.String()
	}
	return begin + "; SET LOCAL ROLE " + role + "; SET LOCAL app.tenant = '" + setting + "'"
}

// wait backs off with jitter before try (1, 2, …).
func wait(ctx context.Context, try int) error {
	base := time.Duration(1<<try) * 5 * time.Millisecond
	timer := time.NewTimer(base/2 + rand.N(base)) //nolint:gosec // jitter needs no secrecy
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// args starts the named arguments of a statement with the tenant.
func (t *tx) args(pairs pgx.NamedArgs) pgx.NamedArgs {
	pairs["tenant"] = t.tenant.UUID
	return pairs
}

// exec runs a statement that changes rows and gives how many.
func (t *tx) exec(ctx context.Context, sql string, pairs pgx.NamedArgs) (int64, error) {
	tag, err := t.db.Exec(ctx, sql, t.args(pairs))
	return tag.RowsAffected(), err
}

// many runs a query and scans each row with scan.
func many[T any](ctx context.Context, t *tx, sql string, pairs pgx.NamedArgs, scan pgx.RowToFunc[T]) ([]T, error) {
	rows, err := t.db.Query(ctx, sql, t.args(pairs))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}

// narrowed is many for lists with optional conditions, which do not narrow when
// their argument is null or empty. It has such a statement planned for the values
// it gets, each time: after some calls PostgreSQL would choose one plan for all
// values, which can use none of the conditions and walks through the whole tenant.
func narrowed[T any](ctx context.Context, t *tx, sql string, pairs pgx.NamedArgs, scan pgx.RowToFunc[T]) ([]T, error) {
	rows, err := t.db.Query(ctx, sql, pgx.QueryExecModeCacheDescribe, t.args(pairs))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}

// one runs a query for one row; if there is none, name does not exist.
func one[T any](ctx context.Context, t *tx, name, sql string, pairs pgx.NamedArgs, scan pgx.RowToFunc[T]) (T, error) {
	rows, err := t.db.Query(ctx, sql, t.args(pairs))
	if err != nil {
		var none T
		return none, err
	}
	found, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return found, dispatch.NotFound(name)
	}
	return found, err
}

// ids turns typed ids into what the driver sends as uuid[].
func ids[K dispatch.Kind](list []dispatch.ID[K]) []uuid.UUID {
	out := make([]uuid.UUID, len(list))
	for i, id := range list {
		out[i] = id.UUID
	}
	return out
}

// orNull gives nil for the zero id, so that a foreign key is null.
func orNull[K dispatch.Kind](id dispatch.ID[K]) *uuid.UUID {
	if id.IsZero() {
		return nil
	}
	return &id.UUID
}

// timeOrNull gives nil for the zero time.
func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// timeOrZero is the scan side of timeOrNull.
func timeOrZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

var _ dispatch.Store = (*Store)(nil)

// sqlState gives the SQLSTATE of a database error, or "".
func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}
