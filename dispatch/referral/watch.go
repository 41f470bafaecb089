package referral

import (
	"context"

	"github.com/firstfix/firstfix/dispatch"
)

// watchPage is how many referrals are read at once, and mostNews how many a watch
// that was away may have missed.
const (
	watchPage = 500
	mostNews  = 5000
)

// Changes gives the referrals that the filter lets through and that are new or
// have changed since a snapshot, by id, and the snapshot to ask with the next
// time. Without a snapshot there are none: the caller begins now.
func (d *Desk) Changes(ctx context.Context, call dispatch.Call, filter dispatch.ReferralFilter, since dispatch.Snapshot) (news []dispatch.Referral, seen dispatch.Snapshot, err error) {
	err = d.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		news = nil
		if seen, err = tx.SeenBy(ctx); err != nil || since == "" {
			return err
		}
		page := dispatch.Page{Size: watchPage}
		for {
			changed, next, err := tx.ReferralsChanged(ctx, since, filter, page)
			if err != nil {
				return err
			}
			if err := showAll(ctx, tx, call.Principal, changed); err != nil {
				return err
			}
			news = append(news, changed...)
			if len(news) > mostNews {
				return dispatch.Refuse(dispatch.ReasonResyncRequired, "", "more than %d referrals have changed since then; list them, and watch from now on", mostNews)
			}
			if next == "" {
				return nil
			}
			page.After = next
		}
	})
	return news, seen, err
}
