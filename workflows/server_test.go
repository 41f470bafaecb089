package workflows

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	sdklog "go.temporal.io/sdk/log"
	"go.uber.org/goleak"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stage is a database of its own and a corner of the real Temporal server: its
// own installation.
type stage struct {
	db     *pgtest.DB
	store  *postgres.Store
	tenant dispatch.TenantID
	home   Installation
	log    *slog.Logger
	nap    time.Duration // of the sleepers
}

func newStage(t testing.TB) *stage {
	t.Helper()
	s := &stage{
		nap: time.Hour, db: pgtest.New(t), tenant: dispatch.TenantID{UUID: uuid.Must(uuid.NewV7())},
		home: Installation("test" + strings.ToLower(rand.Text()[:10])),
		log:  slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo})),
	}
	store, err := postgres.Open(t.Context(), s.db.URL, 10)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	s.store = store
	s.asSuperuser(t, `INSERT INTO tenants (id, slug, display_name, currency, time_zone, language)
		VALUES ($1, 'one', 'One', 'USD', 'America/New_York', 'en')`, s.tenant)
	return s
}

// asSuperuser runs a statement that sees all rows.
func (s *stage) asSuperuser(t testing.TB, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.db.SuperuserURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// temporalAddress is the server's; a test without it fails.
func temporalAddress(t testing.TB) string {
	t.Helper()
	const variable = "FIRSTFIX_TEMPORAL_ADDRESS"
	address := os.Getenv(variable)
	if address == "" {
		t.Fatalf("%s is not set and this test needs a real Temporal server: run make test, or firstfix-dev test -- go test ./…", variable)
	}
	return address
}

// quiet takes what the SDK logs.
var quiet = sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))

func dial(t testing.TB, address string) client.Client {
	t.Helper()
	c, err := client.NewLazyClient(client.Options{HostPort: address, Identity: "firstfix test", Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// work runs Temporal workers of a build until stop is called, at the latest by
// the end of the test.
func (s *stage) work(t testing.TB, looks Looks, buildID string) (stop func()) {
	t.Helper()
	workers := NewWorkers(WorkersOptions{
		Temporal: dial(t, temporalAddress(t)), Store: s.store, Looks: looks,
		Installation: s.home, BuildID: buildID, Promote: true, SolvingSlots: 2, StopTime: 5 * time.Second, Log: s.log,
	})
	return background(t, workers.Run)
}

// relay makes a relay that reaches Temporal at an address.
func (s *stage) relay(t testing.TB, address string) *Relay {
	t.Helper()
	return NewRelay(RelayOptions{Store: s.store, Temporal: dial(t, address), Installation: s.home, Log: s.log})
}

// run lets the relay deliver and nudge, with a pulse of its own, until stop is
// called.
func (r *Relay) run(t testing.TB) (stop func()) {
	t.Helper()
	pulse := NewPulse(r.Store, r.WakeupGrace, 0, r.Log)
	return background(t, func(ctx context.Context) {
		var both sync.WaitGroup
		both.Go(func() { pulse.Run(ctx) })
		both.Go(func() { r.Run(ctx, pulse) })
		both.Wait()
	})
}

// background runs fn until stop is called, which waits for its end.
func background(t testing.TB, fn func(context.Context)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() { defer close(ended); fn(ctx) }()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

func (s *stage) inTx(t testing.TB, fn func(context.Context, dispatch.Tx) error) {
	t.Helper()
	if err := s.store.InTx(t.Context(), s.tenant, fn); err != nil {
		t.Fatal(err)
	}
}

func (s *stage) publish(t testing.TB, n dispatch.Notice) {
	t.Helper()
	s.inTx(t, func(ctx context.Context, tx dispatch.Tx) error { return tx.Publish(ctx, n) })
}

func (s *stage) count(t testing.TB, sql string) int {
	t.Helper()
	n, err := query[int](t, s.db, sql)
	if err != nil {
		t.Fatal(err)
	}
	return n[0]
}

// query reads rows of all tenants, each a value or a struct by position.
func query[T any](t testing.TB, db *pgtest.DB, sql string) ([]T, error) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db.SuperuserURL)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		return nil, err
	}
	if len(rows.FieldDescriptions()) == 1 {
		return pgx.CollectRows(rows, pgx.RowTo[T])
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[T])
}

// id is the n-th of a test's fixed ids.
func id(n int) uuid.UUID { return uuid.MustParse(fmt.Sprintf("0190a000-0000-7000-8000-%012d", n)) }

func decode(payloads *commonpb.Payloads, into any) error {
	return converter.GetDefaultDataConverter().FromPayloads(payloads, into)
}

func (s *stage) backlog(t testing.TB) dispatch.Backlog {
	t.Helper()
	b, err := s.store.Backlog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// eventually waits for a condition, with patience for a busy machine.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if condition() {
			return
		}
	}
	t.Fatalf("waited in vain for: %s", what)
}

// diary is what looks were made, in order.
type diary struct {
	mu      sync.Mutex
	entries []string
}

func (d *diary) write(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, fmt.Sprintf(format, args...))
}

func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.entries)
}

// sleepers are looks that write a diary: each naps, in domain time, until next
// says that nothing is left.
func (s *stage) sleepers(d *diary, label string, next func(w dispatch.Wakeup) (done bool, err error)) Looks {
	look := func(ctx context.Context, w dispatch.Wakeup) (dispatch.Look, error) {
		var answer dispatch.Look
		done, err := next(w)
		if err != nil {
			return answer, err
		}
		err = s.store.InTx(ctx, w.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
			now, err := tx.Now(ctx)
			if err != nil {
				return err
			}
			if done {
				answer, err = dispatch.Rest(ctx, tx, w.Workflow)
				return err
			}
			answer, err = dispatch.SleepUntil(ctx, tx, w.At(now.Add(s.nap)))
			return err
		})
		if err == nil {
			d.write("%s%s", label, w.Workflow)
		}
		return answer, err
	}
	return Looks{
		Appointment: func(ctx context.Context, t dispatch.TenantID, id dispatch.AppointmentID) (dispatch.Look, error) {
			return look(ctx, dispatch.WatchAppointment(t, id))
		},
		Visit: func(ctx context.Context, t dispatch.TenantID, id dispatch.VisitID) (dispatch.Look, error) {
			return look(ctx, dispatch.WatchVisit(t, id))
		},
		Day: func(ctx context.Context, t dispatch.TenantID, area dispatch.PlanningAreaID, day dispatch.Date) (dispatch.Look, error) {
			return look(ctx, dispatch.WatchDay(t, area, day))
		},
		FixWindow: func(ctx context.Context, t dispatch.TenantID, id dispatch.WorkOrderID, episode int) (dispatch.Look, error) {
			return look(ctx, dispatch.WatchFixWindow(t, id, episode))
		},
		Referral: func(ctx context.Context, t dispatch.TenantID, id dispatch.ReferralID) (dispatch.Look, error) {
			return look(ctx, dispatch.WatchReferral(t, id))
		},
		Sale: func(ctx context.Context, t dispatch.TenantID, id dispatch.ReferralID) (dispatch.Look, error) {
			return look(ctx, dispatch.WatchSale(t, id))
		},
		Waitlist: func(ctx context.Context, t dispatch.TenantID, area dispatch.PlanningAreaID) (dispatch.Look, error) {
			return look(ctx, dispatch.WatchWaitlist(t, area))
		},
	}
}

// counter counts by name.
type counter struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counter) next(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[name]++
	return c.n[name]
}

func (c *counter) of(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[name]
}

// wire is a proxy in front of a server that a test can cut.
type wire struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	cut      bool
	open     []net.Conn
	copies   sync.WaitGroup
}

func newWire(t testing.TB, target string) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: listener, target: target}
	w.copies.Go(w.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		w.set(true)
		w.copies.Wait()
	})
	return w
}

func (w *wire) accept() {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", w.target)
		if err != nil || !w.keep(near, far) {
			_ = near.Close()
			continue
		}
		for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
			w.copies.Go(func() {
				_, _ = io.Copy(pair[0], pair[1])
				_, _ = pair[0].Close(), pair[1].Close()
			})
		}
	}
}

func (w *wire) keep(near, far net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		_ = far.Close()
		return false
	}
	w.open = append(w.open, near, far)
	return true
}

// set cuts the wire, with everything that runs over it, or mends it.
func (w *wire) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	if cut {
		for _, conn := range w.open {
			_ = conn.Close()
		}
		w.open = nil
	}
}

func (w *wire) address() string { return w.listener.Addr().String() }
