package planning

import (
	"context"
	"slices"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/picture"
)

// publish writes a draft under the shift locks. Shifts that changed since the
// picture was taken keep what they have, and so does every shift that the draft
// would trade visits with them; their visits are the plan's conflicts.
func publish(ctx context.Context, tx dispatch.Tx, d *draft, author string) (dispatch.Plan, error) {
	locked, err := tx.LockShifts(ctx, d.day.ids())
	if err != nil {
		return dispatch.Plan{}, err
	}
	if err := tx.DeferOverlapCheck(ctx); err != nil {
		return dispatch.Plan{}, err
	}
	p := publication{draft: d, tx: tx, current: d.untouched(locked)}
	if err := p.lockCandidates(ctx); err != nil {
		return dispatch.Plan{}, err
	}
	p.plan = dispatch.Plan{
		ID: dispatch.PlanID{}.New(), PlanningArea: d.day.area.ID, Date: d.day.date,
		State: dispatch.PlanPublished, Author: author, Leftovers: d.leftovers, Cost: d.plan.Cost.Total,
	}
	p.plan.Travel, p.plan.Work = totals(d.plan)
	if p.plan.CreatedAt, err = tx.Now(ctx); err != nil {
		return dispatch.Plan{}, err
	}
	p.plan.PublishedAt = p.plan.CreatedAt
	for i := range d.plan.Routes {
		if err := p.route(ctx, i); err != nil {
			return dispatch.Plan{}, err
		}
	}
	if err := p.drop(ctx); err != nil {
		return dispatch.Plan{}, err
	}
	if err := tx.TouchShifts(ctx, p.touched); err != nil {
		return dispatch.Plan{}, err
	}
	// Last, as the lock order says: overlaps are looked for at COMMIT.
	if err := dispatch.ReleaseOverdue(ctx, tx, d.day.ids()); err != nil {
		return dispatch.Plan{}, err
	}
	if p.plan.Basis, err = tx.DayVersion(ctx, d.day.area.ID, d.day.date); err != nil {
		return dispatch.Plan{}, err
	}
	return tx.CreatePlan(ctx, p.plan)
}

// publication is a draft on its way into the rows.
type publication struct {
	draft   *draft
	tx      dispatch.Tx
	current []bool // by shift: may the draft's route be written?
	touched []dispatch.ShiftID
	plan    dispatch.Plan
	// What the draft gives a place for the first time, locked. No shift lock
	// stands before these rows: they are anybody's.
	visits map[dispatch.VisitID]dispatch.Visit
}

// lockCandidates locks visits by id: so do two runs that want the same ones, and a
// dispatcher who cancels an order.
func (p *publication) lockCandidates(ctx context.Context) error {
	p.visits = map[dispatch.VisitID]dispatch.Visit{}
	var wanted []dispatch.VisitID
	for i, route := range p.draft.plan.Routes {
		for _, stop := range route.Stops {
			first := p.draft.picture.Job(0)
			if !p.current[i] || stop.Job < first {
				continue
			}
			wanted = append(wanted, p.draft.visits[stop.Job-first].Visit)
		}
	}
	slices.SortFunc(wanted, func(a, b dispatch.VisitID) int { return slices.Compare(a.UUID[:], b.UUID[:]) })
	for _, id := range wanted {
		visit, err := p.tx.LockVisit(ctx, id)
		if err != nil {
			return err
		}
		p.visits[id] = visit
	}
	return nil
}

// untouched says for each shift whether its route may be written: its version is
// the picture's, and it trades visits only with shifts of which the same holds.
func (d *draft) untouched(locked []dispatch.Shift) []bool {
	version := map[dispatch.ShiftID]int64{}
	for _, s := range locked {
		version[s.ID] = s.Version
	}
	ok := make([]bool, len(d.day.shifts))
	for i, s := range d.day.shifts {
		ok[i] = version[s.ID] == s.Version
	}
	for changed := true; changed; {
		changed = false
		for to, route := range d.plan.Routes {
			for _, stop := range route.Stops {
				if stop.Job >= d.picture.Job(0) {
					continue
				}
				from := d.picture.ShiftIndex(d.picture.Stops[stop.Job].Shift)
				if ok[from] != ok[to] {
					ok[from], ok[to], changed = false, false, true
				}
			}
		}
	}
	return ok
}

// route writes one route: stops that moved, and candidates that found a place.
func (p *publication) route(ctx context.Context, index int) error {
	shift := p.draft.day.shifts[index]
	stops, candidates := p.draft.picture.Read(p.draft.plan.Routes[index])
	for k, at := range stops {
		visit := at.Stop.Visit
		if candidates[k] >= 0 {
			visit = p.draft.visits[candidates[k]].Visit
		}
		if !p.current[index] {
			if !visit.IsZero() {
				p.plan.Conflicts = append(p.plan.Conflicts, visit)
			}
			continue
		}
		placed := true
		var err error
		if candidates[k] >= 0 {
			placed, err = p.place(ctx, shift, p.draft.visits[candidates[k]], at)
		} else {
			err = p.move(ctx, shift, at)
		}
		if err != nil {
			return err
		}
		if placed && !visit.IsZero() {
			p.plan.Stops = append(p.plan.Stops, dispatch.PlanStop{
				Shift: shift.ID, Ordinal: k + 1, Visit: visit, Span: at.Span, Travel: at.Travel,
			})
		}
	}
	return nil
}

// move gives a committed stop its new technician and time.
func (p *publication) move(ctx context.Context, shift dispatch.Shift, at picture.Retimed) error {
	c := at.Stop.Commitment
	if c.Shift == shift.ID && c.Span.Start.Equal(at.Span.Start) && c.Span.End.Equal(at.Span.End) && c.Travel == at.Travel {
		return nil
	}
	p.touch(c.Shift, shift.ID)
	moved := c.Technician != shift.Technician || !c.Span.Start.Equal(at.Span.Start)
	c.Shift, c.Technician, c.Span, c.Travel = shift.ID, shift.Technician, at.Span, at.Travel
	if err := p.tx.SaveCommitment(ctx, c); err != nil {
		return err
	}
	if !moved || c.Kind != dispatch.CommitmentVisit {
		return nil
	}
	p.plan.Moved++
	visit, err := p.tx.LockVisit(ctx, c.Visit)
	if err != nil {
		return err
	}
	_, err = replaced(ctx, p.tx, visit)
	return err
}

// place commits a visit that had no technician. It is left alone if somebody
// else took care of it since the picture was taken.
func (p *publication) place(ctx context.Context, shift dispatch.Shift, stop dispatch.Stop, at picture.Retimed) (bool, error) {
	visit := p.visits[stop.Visit]
	if visit.State != dispatch.VisitUnassigned || visit.Version != stop.VisitVersion {
		p.plan.Conflicts = append(p.plan.Conflicts, visit.ID)
		return false, nil
	}
	p.touch(shift.ID)
	p.plan.Moved++
	err := p.tx.CreateCommitment(ctx, dispatch.Commitment{
		ID: dispatch.CommitmentID{}.New(), Technician: shift.Technician, Shift: shift.ID,
		Kind: dispatch.CommitmentVisit, State: dispatch.CommitmentPlanned,
		Visit: visit.ID, Span: at.Span, Travel: at.Travel,
	})
	if err != nil {
		return false, err
	}
	visit.State = dispatch.VisitPlanned
	_, err = replaced(ctx, p.tx, visit)
	return true, err
}

// drop takes the visits that found no place from their technicians; what was
// promised stays promised, and the plan names them as leftovers.
func (p *publication) drop(ctx context.Context) error {
	for _, job := range p.draft.plan.Unassigned {
		if job >= p.draft.picture.Job(0) {
			continue
		}
		stop := p.draft.picture.Stops[job]
		if stop.Kind != dispatch.CommitmentVisit || !p.current[p.draft.picture.ShiftIndex(stop.Shift)] {
			continue
		}
		if err := p.release(ctx, stop); err != nil {
			return err
		}
	}
	return nil
}

func (p *publication) release(ctx context.Context, stop dispatch.Stop) error {
	p.touch(stop.Shift)
	p.plan.Moved++
	if err := dispatch.Release(ctx, p.tx, stop.Commitment); err != nil {
		return err
	}
	visit, err := p.tx.LockVisit(ctx, stop.Visit)
	if err != nil {
		return err
	}
	if err := dispatch.VisitMachine.Check(visit.Name(), visit.State, dispatch.VisitUnassigned); err != nil {
		return err
	}
	visit.State = dispatch.VisitUnassigned
	_, err = replaced(ctx, p.tx, visit)
	return err
}

func (p *publication) touch(ids ...dispatch.ShiftID) {
	for _, id := range ids {
		if !slices.Contains(p.touched, id) {
			p.touched = append(p.touched, id)
		}
	}
}
