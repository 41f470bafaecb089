package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// TestNudgesGetRarer: a workflow that does not look, because its workers have too
// much to do, is not nudged ever more.
func TestNudgesGetRarer(t *testing.T) {
	t.Parallel()
	s := open(t)
	home := tenant(t, s, "one")
	w := dispatch.Wakeup{Tenant: home, Workflow: "visit/a", Kind: dispatch.ProcessVisit, Subject: "visits/a"}
	lease := func() (seconds float64) {
		t.Helper()
		inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
			return tx.db.QueryRow(ctx, "SELECT extract(epoch FROM leased_until - clock_timestamp()) FROM wakeups").Scan(&seconds)
		})
		return seconds
	}
	set := func(due time.Time) {
		t.Helper()
		inTenant(t, s, home, func(ctx context.Context, tx *tx) error { return tx.SetWakeup(ctx, w.At(due)) })
	}
	due := time.Now().Add(-time.Hour)
	set(due)
	for n, want := range []float64{60, 120, 240, 480, 960, 1920, 3840, 7680, 7680} {
		wantWakeups(t, s, "overdue", 0, "visits/a")
		if got := lease(); got < want-10 || got > want {
			t.Errorf("nudge %d leases for %.0f s, want %.0f", n+1, got, want)
		}
		inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
			_, err := tx.db.Exec(ctx, "UPDATE wakeups SET leased_until = NULL")
			return err
		})
	}
	set(due.Add(time.Second))
	wantWakeups(t, s, "moved", 0, "visits/a")
	if got := lease(); got > 60 {
		t.Errorf("the first nudge after a look leases for %.0f s, want 60", got)
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

// TestAnAnsweredLookEndsItsLease: a look that a notice asked for and that left
// the due time as it was must not keep the timer's nudge waiting for the lease of
// that question.
func TestAnAnsweredLookEndsItsLease(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := openAt(t, db.URL)
	home := tenant(t, s, "one")
	now := time.Date(2011, 11, 6, 5, 59, 0, 0, time.UTC)
	db.SetDomainTime(t, now)
	w := dispatch.Wakeup{Tenant: home, Workflow: "visit/a", Kind: dispatch.ProcessVisit, Subject: "visits/a"}.At(now.Add(time.Hour))
	look := func() {
		inTenant(t, s, home, func(ctx context.Context, tx *tx) error { return tx.SetWakeup(ctx, w) })
	}
	look()
	if err := s.AskLooks(t.Context(), []dispatch.Wakeup{w}, 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	look()
	wantWakeups(t, s, "before it is due", 0)
	db.SetDomainTime(t, now.Add(time.Hour))
	wantWakeups(t, s, "when it is due", 0, "visits/a")
}
