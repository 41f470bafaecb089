package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twpayne/go-geom"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest"
)

var txOptions = pgx.TxOptions{}

func open(t *testing.T) *Store {
	t.Helper()
	db := pgtest.New(t)
	store, err := Open(t.Context(), db.URL, 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

// tenant makes a tenant with the slug.
func tenant(t *testing.T, s *Store, slug string) dispatch.TenantID {
	t.Helper()
	id := dispatch.TenantID{UUID: uuid.Must(uuid.NewV7())}
	err := s.retry(t.Context(), txOptions, "firstfix_app", id, func(ctx context.Context, tx *tx) error {
		_, err := tx.db.Exec(ctx, `INSERT INTO tenants (id, slug, display_name, currency, time_zone, language)
			VALUES ($1, $2, $2, 'USD', 'America/New_York', 'en')`, id.UUID, slug)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestAConnectionWithoutTransactionMayDoNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	tenant(t, s, "one")
	if _, err := s.pool.Exec(t.Context(), "SELECT id FROM tenants"); sqlState(err) != "42501" {
		t.Fatalf("reading outside a transaction of a tenant: %v, want insufficient privilege", err)
	}
}

func TestATenantSeesOnlyItself(t *testing.T) {
	t.Parallel()
	s := open(t)
	one, two := tenant(t, s, "one"), tenant(t, s, "two")
	for _, id := range []dispatch.TenantID{one, two} {
		err := s.retry(t.Context(), txOptions, "firstfix_app", id, func(ctx context.Context, tx *tx) error {
			var seen []uuid.UUID
			if err := tx.db.QueryRow(ctx, "SELECT array_agg(id) FROM tenants").Scan(&seen); err != nil {
				return err
			}
			if len(seen) != 1 || seen[0] != id.UUID {
				t.Errorf("tenant %s sees %v", id, seen)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestGeometryRoundTrip(t *testing.T) {
	t.Parallel()
	s := open(t)
	want := dispatch.Point{Longitude: -71.0578, Latitude: 42.3567}
	err := s.retry(t.Context(), txOptions, "firstfix_app", dispatch.TenantID{}, func(ctx context.Context, tx *tx) error {
		var got *geom.Point
		var all []geom.T
		var missing *geom.Point
		err := tx.db.QueryRow(ctx, "SELECT $1::geometry, ARRAY[$1::geometry, $1::geometry], NULL::geometry", toPoint(want)).Scan(&got, &all, &missing)
		if err != nil {
			return err
		}
		if fromPoint(got) != want || got.SRID() != srid || len(all) != 2 || missing != nil {
			t.Errorf("got %v (srid %d), array of %d, null %v; want %v", fromPoint(got), got.SRID(), len(all), missing, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTypedIDsTravel(t *testing.T) {
	t.Parallel()
	s := open(t)
	id := dispatch.VisitID{UUID: uuid.Must(uuid.NewV7())}
	err := s.retry(t.Context(), txOptions, "firstfix_app", dispatch.TenantID{}, func(ctx context.Context, tx *tx) error {
		var got dispatch.VisitID
		var list []uuid.UUID
		if err := tx.db.QueryRow(ctx, "SELECT $1::uuid, $2::uuid[]", id, ids([]dispatch.VisitID{id})).Scan(&got, &list); err != nil {
			return err
		}
		if got != id || list[0] != id.UUID {
			t.Errorf("got %v and %v, want %v", got, list, id)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestClaimRequest(t *testing.T) {
	t.Parallel()
	s := open(t)
	home := tenant(t, s, "one")
	call := dispatch.Call{
		Principal: dispatch.Principal{Tenant: home, Role: dispatch.RoleVisitor, Subject: "visitor:1"},
		Method:    "/firstfix.v1.BookingService/CreateHold",
		RequestID: uuid.New(),
		Hash:      [32]byte{1},
	}
	effects := 0
	once := func(call dispatch.Call) (string, error) {
		return dispatch.Once(t.Context(), s, call, func(context.Context, dispatch.Tx) (string, error) {
			effects++
			return time.Now().String(), nil
		})
	}
	first, err := once(call)
	if err != nil {
		t.Fatal(err)
	}
	again, err := once(call)
	if err != nil || again != first || effects != 1 {
		t.Errorf("repeated: %q, %v after %d effects; want %q after one", again, err, effects, first)
	}
	other := call
	other.Hash = [32]byte{2}
	if _, err := once(other); dispatch.ReasonOf(err) != dispatch.ReasonRequestIDMismatch {
		t.Errorf("other payload: %v", err)
	}
	stranger := call
	stranger.Principal.Subject = "visitor:2"
	if theirs, err := once(stranger); err != nil || theirs == first {
		t.Errorf("another principal got %q, %v: the first one's answer", theirs, err)
	}
}
