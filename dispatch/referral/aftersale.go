package referral

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// planAfter plans questions about a sale by the plan of its product; a tenant
// without plans asks nothing.
func planAfter(ctx context.Context, tx dispatch.Tx, r dispatch.Referral, s dispatch.Sale, questions func(dispatch.FollowUpPlan, *time.Location) []dispatch.FollowUp) error {
	plan, found, err := tx.FollowUpPlanFor(ctx, r.Service)
	if err != nil || !found || plan.Retired || s.State != dispatch.SaleStanding {
		return err
	}
	tenant, err := tx.GetTenant(ctx)
	if err != nil {
		return err
	}
	zone, err := dispatch.Zone(tenant.TimeZone)
	if err != nil {
		return err
	}
	for _, f := range questions(plan, zone) {
		if err := tx.CreateFollowUp(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// lookAtFollowUps asks what is due to be asked about a sale, and gives up what
// nobody answers. It gives when the next thing is due, zero for never. The
// referral's row is locked.
func lookAtFollowUps(ctx context.Context, tx dispatch.Tx, r dispatch.Referral, now time.Time) (next time.Time, err error) {
	all, err := tx.FollowUpsOf(ctx, r.ID)
	if err != nil || len(all) == 0 {
		return next, err
	}
	sale, _, err := tx.FindSale(ctx, r.ID)
	if err != nil {
		return next, err
	}
	for _, f := range all {
		if f.State != dispatch.FollowUpPlanned && f.State != dispatch.FollowUpAsked {
			continue
		}
		from := f.State
		if r, err = advance(ctx, tx, r, sale, &f, now); err != nil {
			return next, err
		}
		if f.State != from {
			if err := dispatch.FollowUpMachine.Check(f.Name(), from, f.State); err != nil {
				return next, err
			}
			if err := tx.SaveFollowUp(ctx, f); err != nil {
				return next, err
			}
		}
		switch f.State {
		case dispatch.FollowUpPlanned:
			next = soonest(next, f.DueAt)
		case dispatch.FollowUpAsked:
			next = soonest(next, f.LapsesAt())
		case dispatch.FollowUpAnswered, dispatch.FollowUpLapsed, dispatch.FollowUpDropped:
		}
	}
	return next, nil
}

// advance does with one question what is due: it is dropped with its sale, asked or
// given up.
func advance(ctx context.Context, tx dispatch.Tx, r dispatch.Referral, s dispatch.Sale, f *dispatch.FollowUp, now time.Time) (dispatch.Referral, error) {
	switch {
	case s.State != dispatch.SaleStanding:
		f.State = dispatch.FollowUpDropped
	case f.State == dispatch.FollowUpPlanned && !now.Before(f.DueAt):
		f.State, f.AskedAt = dispatch.FollowUpAsked, now
		if f.Side == dispatch.SideCustomer {
			return r, dispatch.AskCustomer(ctx, tx, *f, r.Customer)
		}
		return step(ctx, tx, r.State, r, clock, "asked its seller: "+string(f.Question)+"?", now)
	case f.State == dispatch.FollowUpAsked && !now.Before(f.LapsesAt()):
		f.State = dispatch.FollowUpLapsed
	}
	return r, nil
}

// soonest gives the earlier of two times, of which zero is none.
func soonest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Answer is what somebody says to a question.
type Answer struct {
	Answer   string   // dispatch.AnswerYes or AnswerNo; "" where a number is asked for
	Measured *float64 // how much it saves, in the unit of what was promised
	Note     string
}

// GetFollowUp reads a question.
func (d *Desk) GetFollowUp(ctx context.Context, call dispatch.Call, id dispatch.FollowUpID) (dispatch.FollowUp, error) {
	return dispatch.Read(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.FollowUp, error) {
		return tx.GetFollowUp(ctx, id)
	})
}

// ListFollowUps pages questions by the time they were planned.
func (d *Desk) ListFollowUps(ctx context.Context, call dispatch.Call, filter dispatch.FollowUpFilter, page dispatch.Page) ([]dispatch.FollowUp, string, error) {
	return dispatch.ReadPage(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.FollowUp, string, error) {
		return tx.PageFollowUps(ctx, filter, page)
	})
}

// AnswerFollowUp records what a seller says about his sale, or what the customer told
// an administrator. A "no" opens a case with an owner.
func (d *Desk) AnswerFollowUp(ctx context.Context, call dispatch.Call, id dispatch.FollowUpID, version int64, in Answer) (dispatch.FollowUp, error) {
	who := call.Principal
	return d.answer(ctx, call, id, version, in, func(f dispatch.FollowUp, r dispatch.Referral) error {
		his := f.Side == dispatch.SideSeller && (r.Owner == who.Subject || r.EscalatedTo == who.Subject)
		if his || who.Role == dispatch.RoleAdministrator {
			return nil
		}
		return dispatch.Refuse(dispatch.ReasonAccessDenied, f.Name(), "it is for the seller of the sale, or an administrator: nobody answers for the customer whom he sold to")
	})
}

// FollowUpToken makes the secret of a customer's link to one question.
func (d *Desk) FollowUpToken(tenant dispatch.TenantID, id dispatch.FollowUpID) (string, error) {
	return d.seal.Token(dispatch.PurposeFollowUp, dispatch.FollowUpGrant{Tenant: tenant, FollowUp: id})
}

// OpenFollowUpLink reads the question that a customer's link is about.
func (d *Desk) OpenFollowUpLink(ctx context.Context, token string) (dispatch.FollowUp, error) {
	grant, err := dispatch.OpenLink[dispatch.FollowUpGrant](d.seal, dispatch.PurposeFollowUp, token)
	if err != nil {
		return dispatch.FollowUp{}, err
	}
	call := dispatch.Call{Principal: dispatch.Principal{Tenant: grant.Tenant}}
	out, err := d.GetFollowUp(ctx, call, grant.FollowUp)
	return out, dispatch.DeadLink(err)
}

// AnswerFollowUpLink records what the customer says through his link.
func (d *Desk) AnswerFollowUpLink(ctx context.Context, call dispatch.Call, token string, in Answer) (dispatch.FollowUp, error) {
	grant, err := dispatch.OpenLink[dispatch.FollowUpGrant](d.seal, dispatch.PurposeFollowUp, token)
	if err != nil {
		return dispatch.FollowUp{}, err
	}
	call.Principal = dispatch.Principal{Tenant: grant.Tenant, Role: dispatch.RoleLink, Subject: "link:" + grant.FollowUp.Name()}
	out, err := d.answer(ctx, call, grant.FollowUp, 0, in, func(f dispatch.FollowUp, _ dispatch.Referral) error {
		if f.Side != dispatch.SideCustomer {
			return dispatch.Refuse(dispatch.ReasonLinkInvalid, "", "the link is not valid any more")
		}
		return nil
	})
	return out, dispatch.DeadLink(err)
}

// answer records an answer and what follows from it: the installation with its next
// questions, or a case.
func (d *Desk) answer(ctx context.Context, call dispatch.Call, id dispatch.FollowUpID, version int64, in Answer, may func(dispatch.FollowUp, dispatch.Referral) error) (dispatch.FollowUp, error) {
	in.Note = strings.TrimSpace(in.Note)
	return dispatch.Once(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.FollowUp, error) {
		var none dispatch.FollowUp
		f, err := tx.GetFollowUp(ctx, id)
		if err != nil {
			return none, err
		}
		r, err := tx.LockReferral(ctx, f.Referral)
		if err != nil {
			return none, err
		}
		if f, err = tx.GetFollowUp(ctx, id); err != nil { // as it is under the lock
			return none, err
		}
		if err := dispatch.CheckVersion(f.Name(), f.Version, version); err != nil {
			return none, err
		}
		if err := may(f, r); err != nil {
			return none, err
		}
		if err := dispatch.FollowUpMachine.Check(f.Name(), f.State, dispatch.FollowUpAnswered); err != nil {
			return none, err
		}
		sale, _, err := tx.FindSale(ctx, r.ID)
		if err != nil {
			return none, err
		}
		if err := in.check(f.Question, sale.Promised); err != nil {
			return none, err
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return none, err
		}
		f.State, f.Answer, f.Measured, f.Note = dispatch.FollowUpAnswered, in.Answer, in.Measured, in.Note
		f.AnsweredAt, f.AnsweredBy = now, call.Principal.Subject
		if err := follow(ctx, tx, r, sale, &f, now); err != nil {
			return none, err
		}
		if err := tx.SaveFollowUp(ctx, f); err != nil {
			return none, err
		}
		f.Version++
		return f, nil
	})
}

// check reads an answer. How much is saved is a number, and enough of it a "yes".
func (a *Answer) check(q dispatch.FollowUpQuestion, promised *dispatch.Measure) error {
	if q != dispatch.AskSaving {
		switch {
		case a.Measured != nil:
			return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "measured", "it is for the question how much is saved, and no other")
		case a.Answer != dispatch.AnswerYes && a.Answer != dispatch.AnswerNo:
			return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "answer", "it is required: yes or no")
		}
		return nil
	}
	switch {
	case a.Answer != "":
		return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "answer", "what is asked for is the number, in measured")
	case a.Measured == nil || promised == nil:
		return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "measured", "it is required: how much is saved?")
	case !dispatch.Measure{Number: *a.Measured}.Finite():
		return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "measured", "it is no number that can be compared")
	}
	a.Answer = dispatch.AnswerNo
	if *a.Measured >= promised.Number {
		a.Answer = dispatch.AnswerYes
	}
	return nil
}

// follow does what follows from an answer, and lets who watches the referral hear of
// it.
func follow(ctx context.Context, tx dispatch.Tx, r dispatch.Referral, s dispatch.Sale, f *dispatch.FollowUp, now time.Time) error {
	reason := fmt.Sprintf("%s answers: %s %s", f.Side, f.Question, f.Answer)
	if f.Measured != nil && s.Promised != nil {
		reason += fmt.Sprintf(", %g of %s", *f.Measured, s.Promised)
	}
	switch {
	case f.Answer == dispatch.AnswerNo:
		c, err := openCase(ctx, tx, r, s, *f, now)
		if err != nil {
			return err
		}
		f.Case = c.ID
		reason += "; " + c.Name() + " is " + c.Owner + "'s"
	case f.Question == dispatch.AskInstalled && s.InstalledAt.IsZero():
		s.InstalledAt = now
		if err := tx.SaveSale(ctx, s); err != nil {
			return err
		}
		if err := planAfter(ctx, tx, r, s, func(p dispatch.FollowUpPlan, zone *time.Location) []dispatch.FollowUp {
			return p.AfterInstallation(s, zone)
		}); err != nil {
			return err
		}
	}
	r, err := step(ctx, tx, r.State, r, f.AnsweredBy, reason, now)
	if err != nil {
		return err
	}
	return tx.Publish(ctx, dispatch.Notice{Subject: r.Name(), Version: r.Version, Kind: dispatch.NoticeSaleChanged})
}
