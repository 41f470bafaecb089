package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest"
)

// openAt opens a store on a database that the test looks at from outside too.
func openAt(t *testing.T, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// inTenant runs fn in a transaction of the tenant and fails the test if it fails.
func inTenant(t *testing.T, s *Store, id dispatch.TenantID, fn func(context.Context, *tx) error) {
	t.Helper()
	if err := s.retry(t.Context(), txOptions, "firstfix_app", id, fn); err != nil {
		t.Fatal(err)
	}
}

func publish(t *testing.T, s *Store, home dispatch.TenantID, subject string, versions ...int64) {
	t.Helper()
	for _, version := range versions {
		inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
			return tx.Publish(ctx, dispatch.Notice{
				Subject: subject, Version: version, Kind: dispatch.NoticeVisitMoved, Payload: map[string]string{"n": fmt.Sprint(version)},
			})
		})
	}
}

func claim(t *testing.T, s *Store, lease time.Duration) []dispatch.LeasedNotice {
	t.Helper()
	claimed, err := s.ClaimNotices(t.Context(), false, 100, lease)
	if err != nil {
		t.Fatal(err)
	}
	return claimed
}

func named(notices []dispatch.LeasedNotice) []string {
	out := make([]string, len(notices))
	for i, n := range notices {
		out[i] = fmt.Sprintf("%s@%d", n.Subject, n.Version)
	}
	return out
}

func wantDelivered(t *testing.T, s *Store, notices []dispatch.LeasedNotice, want int) {
	t.Helper()
	if got, err := s.MarkDelivered(t.Context(), notices); err != nil || got != want {
		t.Fatalf("mark %v: marked %d, %v; want %d", named(notices), got, err, want)
	}
}

func TestOnlyTheOldestNoticeOfASubjectIsClaimed(t *testing.T) {
	t.Parallel()
	s := open(t)
	one, two := tenant(t, s, "one"), tenant(t, s, "two")
	publish(t, s, one, "visits/a", 3, 1, 2) // numbered by the entity, not by the clock
	publish(t, s, one, "visits/b", 7)
	publish(t, s, two, "visits/a", 9)

	first := claim(t, s, time.Minute)
	if diff := cmp.Diff([]string{"visits/a@1", "visits/b@7", "visits/a@9"}, named(first)); diff != "" {
		t.Fatalf("first claim (-want +got):\n%s", diff)
	}
	if first[0].Tenant != one || first[2].Tenant != two || first[0].Attempts != 1 || first[0].Payload["n"] != "1" {
		t.Errorf("claimed %+v", first)
	}
	if again := claim(t, s, time.Minute); len(again) != 0 {
		t.Errorf("claimed %v behind leased notices", named(again))
	}
	wantDelivered(t, s, first[:1], 1)
	if next := named(claim(t, s, time.Minute)); !slices.Equal(next, []string{"visits/a@2"}) {
		t.Errorf("after the first of a: claimed %v, want visits/a@2", next)
	}
}

func TestBulkHasAQueueOfItsOwn(t *testing.T) {
	t.Parallel()
	s := open(t)
	home := tenant(t, s, "one")
	inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
		for _, n := range []dispatch.Notice{
			{Subject: "workOrders/a", Version: 1, Kind: dispatch.NoticeWorkOrderOpened},
			{Subject: "workOrders/a", Version: 2, Kind: dispatch.NoticeWorkOrderResolved},
			{Subject: "visits/a", Version: 1, Kind: dispatch.NoticeVisitMoved},
		} {
			if err := tx.Publish(ctx, n); err != nil {
				return err
			}
		}
		return nil
	})
	if got := named(claim(t, s, time.Minute)); !slices.Equal(got, []string{"visits/a@1"}) {
		t.Errorf("claimed %v, want what somebody waits for", got)
	}
	bulk, err := s.ClaimNotices(t.Context(), true, 100, time.Minute)
	if err != nil || !slices.Equal(named(bulk), []string{"workOrders/a@1"}) {
		t.Errorf("claimed %v of the bulk, %v", named(bulk), err)
	}
}

func TestALostLeaseMarksNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	home := tenant(t, s, "one")
	publish(t, s, home, "visits/a", 1)
	slow := claim(t, s, time.Millisecond)
	time.Sleep(20 * time.Millisecond)
	fast := claim(t, s, time.Minute)
	if len(slow) != 1 || len(fast) != 1 || fast[0].ID != slow[0].ID || fast[0].Attempts != 2 {
		t.Fatalf("slow relay claimed %v, the one after its lease %v", named(slow), fast)
	}
	wantDelivered(t, s, slow, 0)
	slow[0].RetryIn = 0
	if err := s.PostponeNotices(t.Context(), slow); err != nil {
		t.Fatal(err)
	}
	if stolen := claim(t, s, time.Minute); len(stolen) != 0 {
		t.Errorf("the slow relay put back what the fast one holds: %v", named(stolen))
	}
	wantDelivered(t, s, fast, 1)
	wantDelivered(t, s, fast, 0)
}

func TestAPostponedNoticeKeepsItsErrorAndItsPlace(t *testing.T) {
	t.Parallel()
	s := open(t)
	home := tenant(t, s, "one")
	publish(t, s, home, "visits/a", 1, 2)
	claimed := claim(t, s, time.Minute)
	claimed[0].LastError, claimed[0].RetryIn = "away", 50*time.Millisecond
	if err := s.PostponeNotices(t.Context(), claimed); err != nil {
		t.Fatal(err)
	}
	if early := claim(t, s, time.Minute); len(early) != 0 {
		t.Errorf("claimed %v before its time", named(early))
	}
	var text string
	inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
		return tx.db.QueryRow(ctx, "SELECT last_error FROM notices WHERE version = 1").Scan(&text)
	})
	if text != "away" {
		t.Errorf("last error %q, want away", text)
	}
	time.Sleep(80 * time.Millisecond)
	if later := claim(t, s, time.Minute); len(later) != 1 || later[0].Version != 1 || later[0].Attempts != 2 {
		t.Errorf("after its time: claimed %+v, want version 1 a second time", later)
	}
}

// TestManyRelaysKeepOrder lets relays race over the notices of many subjects.
func TestManyRelaysKeepOrder(t *testing.T) {
	t.Parallel()
	s := open(t)
	home := tenant(t, s, "one")
	const subjects, versions = 20, 15
	for i := range subjects {
		list := make([]int64, versions)
		for v := range list {
			list[v] = int64(v + 1)
		}
		publish(t, s, home, fmt.Sprintf("visits/%02d", i), list...)
	}
	var mu sync.Mutex
	heard := map[string][]int64{}
	var relays sync.WaitGroup
	for range 4 {
		relays.Go(func() {
			for idle := 0; idle < 20; idle++ {
				claimed, err := s.ClaimNotices(t.Context(), false, 7, time.Minute)
				if err != nil {
					t.Errorf("claim: %v", err)
					return
				}
				if len(claimed) == 0 {
					time.Sleep(5 * time.Millisecond)
					continue
				}
				idle = 0
				mu.Lock()
				for _, n := range claimed {
					heard[n.Subject] = append(heard[n.Subject], n.Version)
				}
				mu.Unlock()
				if n, err := s.MarkDelivered(t.Context(), claimed); err != nil || n != len(claimed) {
					t.Errorf("marked %d of %d, %v", n, len(claimed), err)
				}
			}
		})
	}
	relays.Wait()
	if len(heard) != subjects {
		t.Errorf("heard of %d subjects, want %d", len(heard), subjects)
	}
	for _, subject := range slices.Sorted(maps.Keys(heard)) {
		got := heard[subject]
		if len(got) != versions || !slices.IsSorted(got) {
			t.Errorf("%s was heard as %v, want 1 to %d once each in order", subject, got, versions)
		}
	}
}

func wakeups(t *testing.T, s *Store, grace, lease time.Duration) []string {
	t.Helper()
	claimed, err := s.ClaimWakeups(t.Context(), 10, grace, lease)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]string, len(claimed))
	for i, w := range claimed {
		out[i] = w.Subject
	}
	slices.Sort(out)
	return out
}

func wantWakeups(t *testing.T, s *Store, why string, grace time.Duration, want ...string) {
	t.Helper()
	if got := wakeups(t, s, grace, time.Minute); !slices.Equal(got, want) {
		t.Errorf("%s: claimed %v, want %v", why, got, want)
	}
}

func TestOverdueWakeups(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := openAt(t, db.URL)
	home := tenant(t, s, "one")
	now := time.Date(2011, 11, 6, 5, 59, 0, 0, time.UTC)
	db.SetDomainTime(t, now)
	late := dispatch.Wakeup{Tenant: home, Workflow: "visit/late", Kind: dispatch.ProcessVisit, Subject: "late"}
	soon := dispatch.Wakeup{Tenant: home, Workflow: "visit/soon", Kind: dispatch.ProcessVisit, Subject: "soon"}
	inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
		if err := tx.SetWakeup(ctx, late.At(now.Add(-20*time.Second))); err != nil {
			return err
		}
		return tx.SetWakeup(ctx, soon.At(now.Add(time.Second)))
	})
	wantWakeups(t, s, "within the grace", 30*time.Second)
	wantWakeups(t, s, "without grace", 0, "late")
	wantWakeups(t, s, "while it is leased", 0)
	db.SetDomainTime(t, now.Add(time.Second))
	wantWakeups(t, s, "a second later", 0, "soon")
	if err := s.ReleaseWakeups(t.Context(), []dispatch.Wakeup{late}); err != nil {
		t.Fatal(err)
	}
	wantWakeups(t, s, "after its release", 0, "late")
	inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
		return tx.SetWakeup(ctx, late.At(now)) // a new due time ends the lease
	})
	wantWakeups(t, s, "moved, and due again", 0, "late")
	inTenant(t, s, home, func(ctx context.Context, tx *tx) error { return tx.SetWakeup(ctx, late.At(now)) })
	wantWakeups(t, s, "the same due time again: no storm", 0)
	inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
		if err := tx.ClearWakeup(ctx, late.Workflow); err != nil {
			return err
		}
		return tx.ClearWakeup(ctx, soon.Workflow)
	})
	if backlog, err := s.Backlog(t.Context()); err != nil || !backlog.IsZero() {
		t.Errorf("backlog %+v, %v; want none", backlog, err)
	}
}

// TestALookThatWasAskedForIsOwed: only a look whose transaction began after the
// relay asked has seen what it was asked for.
func TestALookThatWasAskedForIsOwed(t *testing.T) {
	t.Parallel()
	s := open(t)
	home := tenant(t, s, "one")
	w := dispatch.Wakeup{Tenant: home, Workflow: "visit/a", Kind: dispatch.ProcessVisit, Subject: "visits/a"}
	owed := func(why string, want int) {
		t.Helper()
		if b, err := s.Backlog(t.Context()); err != nil || b.Looks != want {
			t.Errorf("%s: %d looks are owed, %v; want %d", why, b.Looks, err, want)
		}
	}
	ask := func() {
		t.Helper()
		if err := s.AskLooks(t.Context(), []dispatch.Wakeup{w, w}, 0); err != nil {
			t.Fatal(err)
		}
	}
	later := w.At(time.Now().Add(time.Hour))
	ask()
	owed("asked", 1)
	inTenant(t, s, home, func(ctx context.Context, tx *tx) error { return tx.SetWakeup(ctx, later) })
	owed("answered", 0)

	begun := func(end func(context.Context, *tx) error) {
		t.Helper()
		inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
			if _, err := tx.Now(ctx); err != nil {
				return err
			}
			ask()
			return end(ctx, tx)
		})
	}
	begun(func(ctx context.Context, tx *tx) error { return tx.SetWakeup(ctx, later) })
	owed("asked while a look ran", 1)
	begun(func(ctx context.Context, tx *tx) error { return tx.ClearWakeup(ctx, w.Workflow) })
	owed("asked while the last look ran", 1)
	wantWakeups(t, s, "asked for, its signal lost", time.Hour, "visits/a")
	inTenant(t, s, home, func(ctx context.Context, tx *tx) error { return tx.ClearWakeup(ctx, w.Workflow) })
	owed("answered at last", 0)
	ask()
	if err := s.ForgetLooks(t.Context(), []dispatch.Wakeup{w}); err != nil {
		t.Fatal(err)
	}
	owed("forgotten", 0)
}

func TestDeliveriesAreLeasedAndSettledOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	home := tenant(t, s, "one")
	message := dispatch.Delivery{
		Channel: dispatch.ChannelMail, Template: dispatch.TemplateBooked,
		Subject: "appointments/a", Recipient: "customers/a", DedupeKey: "appointments/a/booked/1/mail",
	}
	inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
		if err := tx.Tell(ctx, message); err != nil {
			return err
		}
		return tx.Tell(ctx, message)
	})
	claimDue := func(lease time.Duration) []dispatch.LeasedDelivery {
		t.Helper()
		due, err := s.ClaimDeliveries(t.Context(), dispatch.ChannelMail, 10, lease)
		if err != nil {
			t.Fatal(err)
		}
		return due
	}
	settle := func(d dispatch.LeasedDelivery, want bool) {
		t.Helper()
		inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
			held, err := tx.SettleDelivery(ctx, d.Delivery)
			if held != want {
				t.Errorf("settled as %s: held %t, want %t", d.State, held, want)
			}
			return err
		})
	}
	if texts, err := s.ClaimDeliveries(t.Context(), dispatch.ChannelText, 10, time.Minute); err != nil || len(texts) != 0 {
		t.Errorf("claimed %+v, %v as texts", texts, err)
	}
	slow := claimDue(0)
	if len(slow) != 1 || slow[0].Tenant != home || slow[0].Attempts != 1 || slow[0].Template != dispatch.TemplateBooked || slow[0].CreatedAt.IsZero() {
		t.Fatalf("claimed %+v, want the one message", slow)
	}
	fast := claimDue(time.Minute)
	if len(fast) != 1 || fast[0].Attempts != 2 {
		t.Fatalf("after the lease: claimed %+v", fast)
	}
	slow[0].State = dispatch.DeliveryDead
	settle(slow[0], false)
	fast[0].DueAt = fast[0].DueAt.Add(time.Hour)
	settle(fast[0], true)
	if early := claimDue(time.Minute); len(early) != 0 {
		t.Errorf("claimed %+v before it is due again", early)
	}
	inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
		_, err := tx.db.Exec(ctx, "UPDATE deliveries SET due_at = domain_now()")
		return err
	})
	last := claimDue(time.Minute)
	last[0].State, last[0].Receipt = dispatch.DeliverySent, "250 queued"
	settle(last[0], true)
	settle(last[0], false)
	if more := claimDue(0); len(more) != 0 {
		t.Errorf("claimed %+v after it was sent", more)
	}
}

func TestTrimTakesWhatIsOld(t *testing.T) {
	t.Parallel()
	s := open(t)
	home := tenant(t, s, "one")
	publish(t, s, home, "visits/a", 1, 2, 3)
	for range 2 {
		wantDelivered(t, s, claim(t, s, time.Minute), 1)
	}
	inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
		_, err := tx.db.Exec(ctx, `
			INSERT INTO idempotency_keys (tenant_id, principal, method, request_id, request_hash, created_at)
			SELECT app_tenant(), 'p', 'm', gen_random_uuid(), sha256(''), clock_timestamp() - d * interval '1 day'
			FROM unnest(ARRAY[1, 89, 91, 200]) d`)
		if err != nil {
			return err
		}
		_, err = tx.db.Exec(ctx, `UPDATE notices SET delivered_at = clock_timestamp() - interval '31 days' WHERE version = 1`)
		return err
	})
	n, err := s.Trim(t.Context(), 1, 90*24*time.Hour, 30*24*time.Hour)
	if err != nil || n != 2 {
		t.Errorf("trimmed %d, %v; want one key and one notice at a time", n, err)
	}
	if n, err = s.Trim(t.Context(), 10, 90*24*time.Hour, 30*24*time.Hour); err != nil || n != 1 {
		t.Errorf("trimmed %d, %v; want the other old key", n, err)
	}
	inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
		var keys, notices int
		if err := tx.db.QueryRow(ctx, "SELECT (SELECT count(*) FROM idempotency_keys), (SELECT count(*) FROM notices)").Scan(&keys, &notices); err != nil {
			return err
		}
		if keys != 2 || notices != 2 {
			t.Errorf("%d keys and %d notices are left, want 2 and 2", keys, notices)
		}
		return nil
	})
}

// TestTheRelaySeesOnlyWhatIsDue: its role reads queues, not the trade.
func TestTheRelaySeesOnlyWhatIsDue(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, forbidden := range []string{
		"SELECT email FROM customers", "SELECT id FROM appointments", "SELECT answer FROM idempotency_keys",
		"SELECT address FROM holds", "UPDATE notices SET payload = '{}'", "UPDATE wakeups SET due_at = now()",
		"UPDATE deliveries SET state = 'sent'", "DELETE FROM deliveries", "SELECT display_name FROM tenants",
	} {
		err := s.inRelay(t.Context(), func(ctx context.Context, tx *tx) error {
			_, err := tx.db.Exec(ctx, forbidden)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s: %v, want permission denied", forbidden, err)
		}
	}
}

// TestQueuesUseTheirIndexes explains the polls as the relay's role over a long
// history of what is done.
func TestQueuesUseTheirIndexes(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := openAt(t, db.URL)
	home := tenant(t, s, "one")
	inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
		_, err := tx.db.Exec(ctx, `
			INSERT INTO notices (tenant_id, id, subject, version, kind, delivered_at)
			SELECT app_tenant(), gen_random_uuid(), 'visits/' || n, 1, 'visit_moved', clock_timestamp() FROM generate_series(1, 5000) n;
			INSERT INTO wakeups (tenant_id, workflow_id, kind, subject, due_at)
			SELECT app_tenant(), 'w/' || n, 'FixWindowWorkflow', 's', domain_now() + n * interval '1 minute' FROM generate_series(1, 5000) n;
			INSERT INTO deliveries (tenant_id, id, channel, template, subject, recipient, dedupe_key, state, due_at)
			SELECT app_tenant(), gen_random_uuid(), 'mail', 'booked', 's', 'r', n::text, 'sent', domain_now() FROM generate_series(1, 5000) n`,
			pgx.QueryExecModeSimpleProtocol)
		return err
	})
	superuser, err := pgx.Connect(t.Context(), db.SuperuserURL)
	if err != nil {
		t.Fatal(err)
	}
	defer superuser.Close(context.WithoutCancel(t.Context()))
	if _, err := superuser.Exec(t.Context(), "ANALYZE notices, wakeups, deliveries"); err != nil {
		t.Fatal(err)
	}
	// For more rows than that, reading a table of 5000 would be right.
	args := pgx.NamedArgs{"limit": 10, "lease": uuid.New(), "length": time.Minute, "grace": time.Minute, "channel": "mail", "bulk": false}
	for name, sql := range map[string]string{
		"claim notices": claimNoticesSQL, "claim wakeups": claimWakeupsSQL, "claim deliveries": claimDeliveriesSQL,
	} {
		err := s.inRelay(t.Context(), func(ctx context.Context, tx *tx) error {
			rows, err := tx.db.Query(ctx, "EXPLAIN "+sql, args)
			if err != nil {
				return err
			}
			lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if plan := strings.Join(lines, "\n"); strings.Contains(plan, "Seq Scan") {
				t.Errorf("%s reads a whole table:\n%s", name, plan)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
