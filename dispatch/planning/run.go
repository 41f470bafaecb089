package planning

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/picture"
	"github.com/firstfix/firstfix/scheduler"
)

// maxCandidates bounds how many unassigned visits one run looks at, the most
// urgent first.
const maxCandidates = 500

// Iterations of a run grow with the day up to a bound, so that a run takes
// seconds; equal rows and an equal seed give an equal plan.
const (
	iterationsPerJob = 400
	maxIterations    = 100_000
)

// draft is a plan that was solved and not yet published.
type draft struct {
	day     day
	picture *picture.Picture
	// visits are the candidates' visits, by candidate.
	visits []dispatch.Stop
	plan   *scheduler.Plan
	// leftovers are the visits without a place, with the reason in words.
	leftovers []dispatch.Leftover
}

// PlanDay plans a day anew around what is promised, pinned, under way and done,
// and publishes what is still current.
func (p *Planning) PlanDay(ctx context.Context, call dispatch.Call, area dispatch.PlanningAreaID, date dispatch.Date) (dispatch.Plan, error) {
	made, unsolved := p.solve(ctx, call.Principal.Tenant, area, date)
	return dispatch.Once(ctx, p.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Plan, error) {
		if unsolved != nil {
			return dispatch.Plan{}, unsolved // only now: a repeated request has its answer already
		}
		return publish(ctx, tx, made, call.Principal.Subject)
	})
}

// solve takes the picture and searches for a better plan, without any lock.
func (p *Planning) solve(ctx context.Context, tenant dispatch.TenantID, area dispatch.PlanningAreaID, date dispatch.Date) (*draft, error) {
	d := &draft{}
	err := p.store.View(ctx, tenant, func(ctx context.Context, tx dispatch.Tx) error {
		var err error
		if d.day, err = readDay(ctx, tx, area, date); err != nil {
			return err
		}
		// A night shift belongs to the day it began on, and is planned past midnight.
		if date.Before(dispatch.DateOf(d.day.now, d.day.zone)) && !d.day.over().After(d.day.now) {
			return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "date", "%s is over; plan today or a day to come", date)
		}
		unplanned, err := tx.UnplannedVisits(ctx, area, maxCandidates)
		if err != nil {
			return err
		}
		d.visits = slices.DeleteFunc(unplanned, func(v dispatch.Stop) bool { return !d.day.holds(v.Window.Span) })
		scope := picture.Scope{Shifts: d.day.shifts, Now: d.day.now}
		services := map[dispatch.ServiceID]dispatch.Service{}
		for _, v := range d.visits {
			service, seen := services[v.Service]
			if !seen {
				if service, err = tx.GetService(ctx, v.Service); err != nil {
					return err
				}
				services[v.Service] = service
			}
			scope.Candidates = append(scope.Candidates, picture.Candidate{
				Location: v.Location, Service: service, Priority: v.Priority,
				Window: v.Window.Span, Optional: v.Window.Span == dispatch.Span{}, Visit: v.Visit,
			})
		}
		d.picture, err = picture.Take(ctx, tx, p.travel, scope)
		return err
	})
	if err != nil {
		return nil, err
	}
	return d, d.search(ctx)
}

// search solves the picture and checks the answer by independent means: a plan
// that breaks a hard rule is our bug and is never published.
func (d *draft) search(ctx context.Context) error {
	problem, err := scheduler.NewProblem(d.picture.Model)
	if err != nil {
		return fmt.Errorf("plan %s on %s: %w", d.day.area.ID, d.day.date, err)
	}
	jobs := len(d.picture.Model.Jobs)
	d.plan, _, err = scheduler.Solve(ctx, problem, scheduler.Options{
		Warm: d.picture.Plan, Seed: d.seed(), Threads: 1,
		Iterations: int64(min(maxIterations, iterationsPerJob*(jobs+10))),
	})
	if err != nil {
		return fmt.Errorf("plan %s on %s: %w", d.day.area.ID, d.day.date, err)
	}
	if report := scheduler.Verify(d.picture.Model, d.plan); len(report.Violations) > 0 {
		return fmt.Errorf("plan %s on %s breaks %v", d.day.area.ID, d.day.date, report.Violations)
	}
	return d.explainLeftovers(problem)
}

// explainLeftovers says for each visit without a place which rules stood in the
// way of how many shifts.
func (d *draft) explainLeftovers(problem *scheduler.Problem) error {
	if len(d.plan.Unassigned) == 0 {
		return nil
	}
	live, err := scheduler.NewLive(problem, d.plan)
	if err != nil {
		return fmt.Errorf("explain what %s on %s leaves over: %w", d.day.area.ID, d.day.date, err)
	}
	for _, job := range d.plan.Unassigned {
		reason := "not worth its travel on this day"
		if _, refused := live.Quote(job, scheduler.Among{}); refused != nil {
			reason = refused.Why.String()
			if len(d.day.shifts) == 0 {
				reason = "no shift on this day"
			}
		}
		d.leftovers = append(d.leftovers, dispatch.Leftover{Visit: d.visitOf(job), Reason: reason})
	}
	return nil
}

// visitOf is the visit behind a job; zero for a hold.
func (d *draft) visitOf(job int) dispatch.VisitID {
	if first := d.picture.Job(0); job >= first {
		return d.visits[job-first].Visit
	}
	return d.picture.Stops[job].Visit
}

// seed is the same for the same area and day.
func (d *draft) seed() uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, d.day.area.ID, d.day.date)
	return h.Sum64()
}

// totals are the time under way and at work of a plan.
func totals(plan *scheduler.Plan) (travel, work time.Duration) {
	for _, r := range plan.Routes {
		travel += time.Duration(r.Travel) * time.Second
		for _, s := range r.Stops {
			work += time.Duration(s.End-s.Start) * time.Second
		}
	}
	return travel, work
}
