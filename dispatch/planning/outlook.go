package planning

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/picture"
	"github.com/firstfix/firstfix/scheduler"
)

// Outlook is how an area's day will go as far as can be said now: from what has
// happened, what is planned, and how long things usually take.
type Outlook struct {
	PlanningArea dispatch.PlanningAreaID
	Date         dispatch.Date
	ReadAt       time.Time  // domain time
	Visits       []Foreseen // that are still to be made, by expected start
}

// Foreseen is a visit that nobody has set off to.
type Foreseen struct {
	dispatch.ListedVisit
	// Expected is when work on site will begin, Arrival when the technician will be
	// there; zero where nobody is to make it.
	Arrival, Expected time.Time
	// Miss is the probability, 0 to 1, of beginning outside the promised window; 0
	// where nothing was promised.
	Miss float64
	// Remedies are what would help, the best first: of visits in jeopardy only.
	Remedies []Remedy
}

// RemedyKind is what a remedy does.
type RemedyKind string

// The remedies. The first two are one AssignVisit; calling the customer is for
// people.
const (
	RemedyReorder  RemedyKind = "reorder"  // another place in the same technician's day
	RemedyReassign RemedyKind = "reassign" // another technician
	RemedyCall     RemedyKind = "call"     // the customer learns of it, and chooses
)

// Remedy is one thing that could be done about a visit in jeopardy.
type Remedy struct {
	Kind       RemedyKind
	Technician dispatch.TechnicianID // who would make it; zero for a call
	Expected   time.Time             // when he would begin
	Miss       float64               // probability of missing the window then
	Extra      dispatch.Money        // what travel and time would cost more; negative is less
	Tell       []string              // resource names of who has to be told
}

// helps is by how much a remedy has to lower the probability of a missed window to
// be worth anybody's time.
const helps = 0.05

// mostRemedies bounds the changes of plan that are named for one visit, mostMended the
// visits of a day, the soonest first, that they are looked for: each is a picture of
// the day of its own, and after a storm hundreds are late.
const (
	mostRemedies = 3
	mostMended   = 50
)

// GetOutlook foresees an area's day and names remedies for the visits whose promise
// will be missed with at least the probability jeopardy. It changes nothing: a remedy
// is applied by AssignVisit with the version of the visit that is given here.
func (p *Planning) GetOutlook(ctx context.Context, call dispatch.Call, area dispatch.PlanningAreaID, date dispatch.Date, jeopardy float64) (Outlook, error) {
	f := foresight{planning: p, jeopardy: jeopardy}
	err := p.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		return f.read(ctx, tx, area, date)
	})
	if err != nil {
		return Outlook{}, err
	}
	return f.foresee()
}

// foresight is what is known of a day whose outlook is wanted.
type foresight struct {
	planning *Planning
	jeopardy float64
	currency string
	day      day
	rows     picture.Rows
	visits   map[dispatch.VisitID]dispatch.ListedVisit
	services map[dispatch.ServiceID]dispatch.Service
	homeless []dispatch.ListedVisit // promised for the day, and nobody is to make them
}

func (f *foresight) read(ctx context.Context, tx dispatch.Tx, area dispatch.PlanningAreaID, date dispatch.Date) error {
	tenant, err := tx.GetTenant(ctx)
	if err != nil {
		return err
	}
	f.currency = tenant.Currency
	if f.day, err = readDay(ctx, tx, area, date); err != nil {
		return err
	}
	if f.rows, err = picture.Read(ctx, tx, f.day.shifts); err != nil {
		return err
	}
	unplanned, err := tx.UnplannedVisits(ctx, area, longestUnassigned)
	if err != nil {
		return err
	}
	if f.visits, err = visitsBehind(ctx, tx, f.rows.Stops(), unplanned); err != nil {
		return err
	}
	f.homeless = nil
	for _, u := range unplanned {
		if v := f.visits[u.Visit]; v.Window.Span != (dispatch.Span{}) && f.day.holds(v.Window.Span) {
			f.homeless = append(f.homeless, v)
		}
	}
	return f.readServices(ctx, tx)
}

// readServices reads the services of the visits.
func (f *foresight) readServices(ctx context.Context, tx dispatch.Tx) (err error) {
	f.services = map[dispatch.ServiceID]dispatch.Service{}
	for _, v := range f.visits {
		if _, known := f.services[v.Service]; known {
			continue
		}
		if f.services[v.Service], err = tx.GetService(ctx, v.Service); err != nil {
			return err
		}
	}
	return nil
}

func (f *foresight) foresee() (Outlook, error) {
	out := Outlook{PlanningArea: f.day.area.ID, Date: f.day.date, ReadAt: f.day.now}
	drawn := f.rows.Draw(f.planning.travel, picture.Scope{Shifts: f.day.shifts, Now: f.day.now})
	live, err := drawn.Live()
	if err != nil {
		return out, fmt.Errorf("foresee %s: %w", dispatch.DayName(f.day.area.ID, f.day.date), err)
	}
	plan := live.Plan()
	for _, route := range plan.Routes {
		for _, at := range route.Stops {
			stop := drawn.Stops[at.Job]
			if stop.Kind != dispatch.CommitmentVisit || stop.State != dispatch.CommitmentPlanned {
				continue
			}
			v := Foreseen{ListedVisit: f.visits[stop.Visit], Arrival: drawn.Time(at.Arrive), Expected: drawn.Time(at.Start)}
			if v.Window.Span != (dispatch.Span{}) {
				v.Miss = 1 - at.OnTime
			}
			out.Visits = append(out.Visits, v)
		}
	}
	for _, v := range f.homeless {
		out.Visits = append(out.Visits, Foreseen{ListedVisit: v, Miss: 1})
	}
	slices.SortStableFunc(out.Visits, func(a, b Foreseen) int {
		return cmp.Or(when(a).Compare(when(b)), cmp.Compare(a.ID.String(), b.ID.String()))
	})
	mended := 0
	for i := range out.Visits {
		v := &out.Visits[i]
		if v.Miss == 0 || v.Miss < f.jeopardy || mended == mostMended {
			continue
		}
		mended++
		if v.Remedies, err = f.remedies(*v, effort(plan)); err != nil {
			return out, err
		}
	}
	return out, nil
}

// when is what an outlook is sorted by: the expected start, and of what nobody makes
// the promised one.
func when(v Foreseen) time.Time {
	if v.Expected.IsZero() {
		return v.Window.Start
	}
	return v.Expected
}

// effort is what travel and time of a plan cost, without the prices of what it breaks.
func effort(plan *scheduler.Plan) int64 {
	return plan.Cost.Travel + plan.Cost.Work + plan.Cost.Overtime
}

// money is a price of the model, which is in hundredths of a unit.
func (f *foresight) money(price int64) dispatch.Money {
	perUnit, _ := dispatch.MinorPerUnit(f.currency)
	return dispatch.Money{Minor: price * perUnit / 100, Currency: f.currency}
}

// remedies asks, with the visit taken out, who could keep its window more surely. The
// others keep their technicians and their windows, as when a dispatcher assigns.
func (f *foresight) remedies(v Foreseen, before int64) ([]Remedy, error) {
	service := f.services[v.Service]
	service.Duration = v.Duration
	drawn := f.rows.Draw(f.planning.travel, picture.Scope{
		Shifts: f.day.shifts, Now: f.day.now, Rehearse: true, Without: v.ID,
		Candidates: []picture.Candidate{{Location: v.Site.Location, Service: service, Priority: v.Priority, Window: v.Window.Span, Visit: v.ID}},
	})
	live, err := drawn.Live()
	if err != nil {
		return nil, fmt.Errorf("find remedies for %s: %w", v.Name(), err)
	}
	job := drawn.Job(0)
	answers, err := live.Offers(scheduler.OfferQuery{
		Job: job, Windows: []scheduler.Window{drawn.Window(v.Window.Span)}, MaxChoices: len(f.day.shifts),
	}, scheduler.NewWorkspace())
	if err != nil {
		return nil, fmt.Errorf("find remedies for %s: %w", v.Name(), err)
	}
	var out []Remedy
	for _, c := range answers[0].Choices {
		miss := 1 - c.OnTime
		if v.Miss-miss < helps {
			continue
		}
		changed := live.Clone()
		if _, refused := changed.Insert(job, scheduler.Among{Shifts: []int{c.Shift}}); refused != nil {
			continue
		}
		r := Remedy{
			Kind: RemedyReassign, Technician: drawn.Shifts[c.Shift].Technician, Expected: drawn.Time(c.Start), Miss: miss,
			Extra: f.money(effort(changed.Plan()) - before),
		}
		r.Tell = []string{r.Technician.Name()}
		switch had := v.Planned.Technician; {
		case had == r.Technician:
			r.Kind = RemedyReorder
		case !had.IsZero():
			r.Tell = append(r.Tell, had.Name())
		}
		out = append(out, r)
	}
	// A percentage point decides; what is as sure is ordered by what it costs.
	slices.SortStableFunc(out, func(a, b Remedy) int {
		return cmp.Or(cmp.Compare(math.Round(100*a.Miss), math.Round(100*b.Miss)), cmp.Compare(a.Extra.Minor, b.Extra.Minor))
	})
	out = out[:min(len(out), mostRemedies)]
	return append(out, Remedy{Kind: RemedyCall, Miss: v.Miss, Expected: v.Expected, Tell: []string{v.Promisee.Name()}}), nil
}
