package planning_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/outbound/travel"
	"github.com/firstfix/firstfix/dispatch/planning"
)

// explained gives the sentences as one text.
func (o office) explained(id dispatch.VisitID) string {
	o.t.Helper()
	reasons, err := o.ExplainVisit(o.t.Context(), o.Call(dispatch.RoleDispatcher, "ExplainVisit"), id)
	if err != nil || len(reasons) == 0 {
		o.t.Fatalf("explained %s: %q, %v", id, reasons, err)
	}
	return strings.Join(reasons, " ")
}

func (o office) wantExplained(id dispatch.VisitID, patterns ...string) {
	o.t.Helper()
	text := o.explained(id)
	for _, p := range patterns {
		if !regexp.MustCompile(p).MatchString(text) {
			o.t.Errorf("explained as %q, want %q", text, p)
		}
	}
}

func TestExplainWhoMakesAVisit(t *testing.T) {
	t.Parallel()
	o := open(t)
	order := o.order(o.Boiler.ID, 2, 1, 0)
	o.promise(order, o.At(1, 10, 0), o.At(1, 12, 0))
	o.plan(1)
	v := o.visit(order)
	o.wantExplained(v.ID, `^Ada Quill is to drive \d+ min to it and begin at 1[01]:\d\d; its customer was promised 10:00 to 12:00\.`,
		`Without it the day would cost \d+\.\d\d USD less`, `Nobody else could make it for less: of 2 other shifts, 2 without a skill that it needs\.$`)

	_, err := o.AssignVisit(t.Context(), o.Call(dispatch.RoleDispatcher, "AssignVisit"),
		planning.Assignment{Visit: v.ID, Technician: o.Technicians[0].ID, Start: o.At(1, 10, 15), Version: v.Version, Pin: true})
	if err != nil {
		t.Fatal(err)
	}
	o.wantExplained(v.ID, `begin at 10:15;`, `member:dispatcher has pinned technician and time`)
}

func TestExplainWhoCouldMakeItForLess(t *testing.T) {
	t.Parallel()
	o := open(t)
	far := o.order(o.Service.ID, 3, 2.9, 0) // Ada is sent past the others
	seen := o.visit(far)
	_, err := o.AssignVisit(t.Context(), o.Call(dispatch.RoleDispatcher, "AssignVisit"),
		planning.Assignment{Visit: seen.ID, Technician: o.Technicians[0].ID, Start: o.At(1, 8, 30), Version: seen.Version})
	if err != nil {
		t.Fatal(err)
	}
	o.wantExplained(seen.ID, `no window was promised`, `Cleo Stern could make it for \d+\.\d\d USD`)
}

// onFoot takes an hour and a half to anywhere.
type onFoot struct{ travel.Estimator }

func (onFoot) Estimate(dispatch.Point, dispatch.Point) dispatch.Leg {
	return dispatch.Leg{Duration: 90 * time.Minute, Metres: 5000}
}

func TestExplainWhyNobodyMakesAVisit(t *testing.T) {
	t.Parallel()
	o := open(t)
	inBreak := o.order(o.Boiler.ID, 1, 0, 0)
	o.promise(inBreak, o.At(1, 12, 0), o.At(1, 12, 20))
	o.wantExplained(o.visit(inBreak).ID, `^Nobody makes it on 2024-06-04; its customer was promised 12:00 to 12:20: of 3 shifts, .*2 without a skill`,
		`Ada Quill could make it (if|without|with)`)

	free := o.order(o.Service.ID, 1, 0, 0)
	o.wantExplained(o.visit(free).ID, `no window was promised: of 3 shifts, 3 could take it`, `could make it for \d+\.\d\d USD: the next run`)

	remote := o.order(o.Service.ID, 5, 0, 0)
	onFoot := office{Company: o.Company, Planning: planning.New(o.Store, onFoot{}), t: t}
	onFoot.wantExplained(o.visit(remote).ID, `is more than the 80\.00 USD that leaving it for another day is priced at`)

	o.SetTime(t, o.At(1, 13, 0))
	o.wantExplained(o.visit(inBreak).ID, `the window that was promised ended at 12:20\. Offer its customer another one\.$`)

	o.SetTime(t, o.At(60, 9, 0)) // beyond all shifts
	o.wantExplained(o.visit(free).ID, `there is no shift in .* on 2024-08-02`)
}

func TestExplainWhatIsOver(t *testing.T) {
	t.Parallel()
	o := open(t)
	order := o.order(o.Service.ID, 3, 0, 0)
	o.plan(1)
	v := o.visit(order)
	move := func(change func(*dispatch.Visit)) {
		t.Helper()
		o.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
			now, err := tx.LockVisit(ctx, v.ID)
			if err != nil {
				return err
			}
			now.Technician = o.Technicians[1].ID
			change(&now)
			return tx.SaveVisit(ctx, now)
		})
	}
	for _, step := range []struct {
		change func(*dispatch.Visit)
		want   string
	}{
		{func(v *dispatch.Visit) { v.State, v.EnRouteAt = dispatch.VisitEnRoute, o.At(1, 9, 5) }, `^Ben Rowe set off at 09:05 and is on the way\.$`},
		{func(v *dispatch.Visit) { v.State, v.ArrivedAt = dispatch.VisitOnSite, o.At(1, 9, 30) }, `^Ben Rowe arrived at 09:30\.$`},
		{func(v *dispatch.Visit) { v.State, v.StartedAt = dispatch.VisitInProgress, o.At(1, 9, 35) }, `^Ben Rowe is at work since 09:35\.$`},
		{func(v *dispatch.Visit) {
			v.State, v.Outcome, v.FinishedAt = dispatch.VisitClosed, dispatch.OutcomeNeedsReturn, o.At(1, 10, 0).Add(time.Minute)
		}, `^It is over: Ben Rowe ended it at 10:01 as needs return\.$`},
	} {
		move(step.change)
		o.wantExplained(v.ID, step.want)
	}
	_, err := o.ExplainVisit(t.Context(), o.Call(dispatch.RoleDispatcher, "ExplainVisit"), dispatch.VisitID{UUID: uuid.New()})
	if dispatch.ReasonOf(err) != dispatch.ReasonResourceNotFound {
		t.Errorf("explained a visit that is not there: %v", err)
	}
}
