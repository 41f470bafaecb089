package referral_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firstfix/firstfix/dispatch"
)

// TestChangesMissNothing: a transaction that was under way when the watcher read
// and committed later is news, whatever had been numbered before it.
func TestChangesMissNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	watcher := w.Call(dispatch.RoleSales, "WatchReferrals")
	news := func(since dispatch.Snapshot, filter dispatch.ReferralFilter) (ids []dispatch.ReferralID, seen dispatch.Snapshot) {
		t.Helper()
		changed, seen, err := w.desk.Changes(t.Context(), watcher, filter, since)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range changed {
			ids = append(ids, r.ID)
		}
		return ids, seen
	}
	want := func(what string, got []dispatch.ReferralID, want ...dispatch.ReferralID) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: news (-want +got):\n%s", what, diff)
		}
	}

	old := w.log(t, 0, noticed(w.visit(t, 0, w.customer(t, nil))))
	got, begun := news("", dispatch.ReferralFilter{})
	want("at the beginning", got)

	// The slow one changes a row first and commits last.
	changed, commit, committed := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		committed <- w.Store.InTx(t.Context(), w.Tenant.ID, func(ctx context.Context, tx dispatch.Tx) error {
			slow, err := tx.LockReferral(ctx, old.ID)
			if err != nil {
				return err
			}
			slow.StateReason = "slow"
			err = tx.SaveReferral(ctx, slow)
			close(changed)
			<-commit
			return err
		})
	}()
	<-changed
	fast := w.log(t, 1, noticed(w.visit(t, 1, w.customer(t, nil))))
	got, seen := news(begun, dispatch.ReferralFilter{})
	want("while the slow one is under way", got, fast.ID)
	close(commit)
	if err := <-committed; err != nil {
		t.Fatal(err)
	}
	got, last := news(seen, dispatch.ReferralFilter{})
	want("after the slow one", got, old.ID)
	got, _ = news(last, dispatch.ReferralFilter{})
	want("when nothing has changed", got)

	got, _ = news(begun, dispatch.ReferralFilter{})
	want("for one who was away", got, old.ID, fast.ID)
	got, _ = news(begun, dispatch.ReferralFilter{Technician: w.Technicians[1].ID})
	want("of one technician", got, fast.ID)

	twin := w.Twin(t)
	others, _, err := w.desk.Changes(t.Context(), twin.Call(dispatch.RoleSales, "WatchReferrals"), dispatch.ReferralFilter{}, begun)
	if err != nil || len(others) != 0 {
		t.Errorf("another tenant hears of %d referrals, %v", len(others), err)
	}
}
