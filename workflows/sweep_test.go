package workflows

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
)

// TestOverdueHoldsAreSwept also where one of them cannot be.
func TestOverdueHoldsAreSwept(t *testing.T) {
	t.Parallel()
	c := company.New(t)
	twin := c.Twin(t)
	for i, owner := range []*company.Company{c, twin, c, c} {
		hold := dispatch.Hold{
			ID: dispatch.HoldID{UUID: id(i + 1)}, Holder: "visitor:1", State: dispatch.HoldHeld, PlanningArea: owner.Area.ID,
			Service: owner.Service.ID, Tier: owner.Tier.ID, Address: "1 Center Sq", PostalCode: "02100", Location: owner.Center,
			Window:   dispatch.Window{Span: dispatch.Span{Start: c.At(1, 10, 0), End: c.At(1, 12, 0)}, Zone: owner.Area.TimeZone},
			Price:    dispatch.Money{Minor: 9900, Currency: "USD"},
			Duration: time.Hour, ExpiresAt: company.Now.Add(time.Duration(i) * time.Minute), Version: 1,
		}
		owner.InTx(t, func(ctx context.Context, tx dispatch.Tx) error { return tx.CreateHold(ctx, hold) })
	}
	c.SetTime(t, company.Now.Add(2*time.Minute)) // the last one lives
	var swept []string
	sweeper := &Sweeper{
		Store: c.Store,
		SweepHold: func(_ context.Context, tenant dispatch.TenantID, hold dispatch.HoldID) error {
			if hold.UUID == id(2) {
				if tenant != twin.Tenant.ID {
					t.Errorf("the twin's hold was swept as that of %s", tenant)
				}
				return errors.New("locked")
			}
			swept = append(swept, hold.Name())
			return nil
		},
	}
	n, err := sweeper.Sweep(t.Context())
	if n != 2 || err == nil || !strings.Contains(err.Error(), (dispatch.HoldID{UUID: id(2)}).Name()) {
		t.Errorf("swept %d, %v; want two, and the third named", n, err)
	}
	if want := []string{(dispatch.HoldID{UUID: id(1)}).Name(), (dispatch.HoldID{UUID: id(3)}).Name()}; !slices.Equal(swept, want) {
		t.Errorf("swept %v, want %v", swept, want)
	}
}

func TestTheTrimmerKeepsWhatIsYoung(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.asSuperuser(t, `INSERT INTO idempotency_keys (tenant_id, principal, method, request_id, request_hash, created_at)
		SELECT $1, 'p', 'm', gen_random_uuid(), sha256(''), now() - days * interval '1 day' FROM unnest(ARRAY[0, 80, 100]) days`, s.tenant)
	s.asSuperuser(t, `INSERT INTO notices (tenant_id, id, subject, version, kind, delivered_at)
		SELECT $1, gen_random_uuid(), 'visits/1', days, 'visit_moved', now() - days * interval '1 day' FROM unnest(ARRAY[1, 20, 40]) days`, s.tenant)
	s.asSuperuser(t, `INSERT INTO notices (tenant_id, id, subject, version, kind, created_at)
		VALUES ($1, gen_random_uuid(), 'visits/1', 100, 'visit_moved', now() - interval '100 days')`, s.tenant)
	trimmer := &Trimmer{Store: s.store, Log: s.log}
	for want := range slices.Values([]int{2, 0}) {
		if n, err := trimmer.Trim(t.Context()); err != nil || n != want {
			t.Errorf("trimmed %d, %v; want %d", n, err, want)
		}
	}
	if keys, notices := s.count(t, "SELECT count(*) FROM idempotency_keys"), s.count(t, "SELECT count(*) FROM notices"); keys != 2 || notices != 3 {
		t.Errorf("%d keys and %d notices are left, want 2 and 3", keys, notices)
	}
}

func TestLoopsBackOff(t *testing.T) {
	t.Parallel()
	for attempt, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 7: time.Minute, 1000: time.Minute} {
		if got := dispatch.Backoff(time.Second, time.Minute, attempt); got != want {
			t.Errorf("attempt %d waits %s, want %s", attempt, got, want)
		}
	}
	p := pace{busy: time.Millisecond, idle: 4 * time.Millisecond, broken: 20 * time.Millisecond}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	steps := 0
	p.run(ctx, slog.New(slog.DiscardHandler), "test", func(context.Context) (int, error) {
		steps++
		switch {
		case steps < 10:
			return 1, nil
		case steps < 20:
			return 0, errors.New("away")
		}
		cancel()
		return 0, nil
	})
	if steps != 20 {
		t.Errorf("%d steps were made, want all 20: none after the end, none left out for an error", steps)
	}
}

// TestPulseWakesOneLoop: each kind of work wakes its own loop and no other, and
// what is leased or not due wakes none.
func TestPulseWakesOneLoop(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	due := func(want ...dispatch.Due) {
		t.Helper()
		got, err := s.store.WhatIsDue(t.Context(), time.Minute)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("due (-want +got): %s, %v", diff, err)
		}
	}
	due()
	s.publish(t, notice(dispatch.NoticeVisitMoved, dispatch.VisitID{UUID: id(1)}.Name(), 1, nil))
	due(dispatch.DueNotices)
	if _, err := s.store.ClaimNotices(t.Context(), false, 1, time.Hour); err != nil {
		t.Fatal(err)
	}
	due()
	s.publish(t, notice(dispatch.NoticeWorkOrderResolved, dispatch.WorkOrderID{UUID: id(1)}.Name(), 1, map[string]string{"episode": "1"}))
	due(dispatch.DueBulk)
	s.asSuperuser(t, `INSERT INTO wakeups (tenant_id, workflow_id, kind, subject, due_at)
		VALUES ($1, 'late', 'k', 's', domain_now() - interval '2 minutes'), ($1, 'in grace', 'k', 's', domain_now())`, s.tenant)
	due(dispatch.DueBulk, dispatch.DueWakeups)
	s.asSuperuser(t, `INSERT INTO deliveries (tenant_id, id, channel, template, subject, recipient, dedupe_key, state, due_at)
		VALUES ($1, gen_random_uuid(), 'text', 't', 's', 'r', 'now', 'pending', domain_now()),
		($1, gen_random_uuid(), 'mail', 't', 's', 'r', 'later', 'pending', domain_now() + interval '1 hour')`, s.tenant)
	due(dispatch.DueBulk, dispatch.DueWakeups, dispatch.DueText)

	pulse := NewPulse(s.store, time.Minute, time.Millisecond, s.log)
	background(t, pulse.Run)
	for _, kind := range dispatch.AllDue() {
		var steps atomic.Int32
		background(t, func(ctx context.Context) {
			pulse.loop(ctx, kind, string(kind), func(context.Context) (int, error) { steps.Add(1); return 0, nil })
		})
		if slices.Contains([]dispatch.Due{dispatch.DueBulk, dispatch.DueWakeups, dispatch.DueText}, kind) {
			eventually(t, "the loop "+string(kind)+" to be woken", func() bool { return steps.Load() > 2 })
		} else if pause(t.Context(), 30*time.Millisecond); steps.Load() != 1 {
			t.Errorf("the loop %s made %d steps without work, want the first alone", kind, steps.Load())
		}
	}
}
