package planning

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/picture"
	"github.com/firstfix/firstfix/scheduler"
)

// ExplainVisit says why a visit is where it is, or why nobody makes it: sentences
// for a dispatcher, the weightiest first. It asks the optimiser about the day as
// it is committed now and changes nothing.
func (p *Planning) ExplainVisit(ctx context.Context, call dispatch.Call, id dispatch.VisitID) ([]string, error) {
	e := explanation{planning: p}
	err := p.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		found, err := tx.GetListedVisits(ctx, []dispatch.VisitID{id})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return dispatch.NotFound(id.Name())
		}
		e.visit = found[0]
		return e.read(ctx, tx)
	})
	if err != nil {
		return nil, err
	}
	return e.sentences()
}

// explanation is what is known of the visit that is explained.
type explanation struct {
	planning *Planning
	visit    dispatch.ListedVisit
	day      day
	currency string
	names    map[dispatch.TechnicianID]string
	picture  *picture.Picture
}

// read takes the picture of the visit's day. A visit that is over, or that no
// shift of its day could reach, has none.
func (e *explanation) read(ctx context.Context, tx dispatch.Tx) error {
	if err := e.readDay(ctx, tx); err != nil {
		return err
	}
	tenant, err := tx.GetTenant(ctx)
	if err != nil {
		return err
	}
	e.currency = tenant.Currency
	if err := e.readNames(ctx, tx); err != nil || len(e.day.shifts) == 0 || e.settled() {
		return err
	}
	scope := picture.Scope{Shifts: e.day.shifts, Now: e.day.now}
	if e.visit.State == dispatch.VisitUnassigned {
		service, err := tx.GetService(ctx, e.visit.Service)
		if err != nil {
			return err
		}
		service.Duration = e.visit.Duration
		scope.Candidates = []picture.Candidate{{
			Location: e.visit.Site.Location, Service: service, Priority: e.visit.Priority,
			Window: e.visit.Window.Span, Optional: e.visit.Window.Span == dispatch.Span{}, Visit: e.visit.ID,
		}}
	}
	e.picture, err = picture.Take(ctx, tx, e.planning.travel, scope)
	return err
}

// readDay finds the day that the visit belongs to: that of its place in the plan
// or of its promise, a night's being the day on which it begins; today where
// nothing was promised.
func (e *explanation) readDay(ctx context.Context, tx dispatch.Tx) error {
	area, err := tx.GetPlanningArea(ctx, e.visit.PlanningArea)
	if err != nil {
		return err
	}
	zone, err := dispatch.Zone(area.TimeZone)
	if err != nil {
		return err
	}
	span := e.visit.Planned.Span
	if span == (dispatch.Span{}) {
		span = e.visit.Window.Span
	}
	at := span.Start
	if at.IsZero() {
		if at, err = tx.Now(ctx); err != nil {
			return err
		}
	}
	date := dispatch.DateOf(at, zone)
	for _, candidate := range []dispatch.Date{date.AddDays(-1), date} {
		if e.day, err = readDay(ctx, tx, area.ID, candidate); err != nil {
			return err
		}
		if span != (dispatch.Span{}) && e.day.holds(span) {
			return nil
		}
	}
	return nil
}

func (e *explanation) readNames(ctx context.Context, tx dispatch.Tx) error {
	var who []dispatch.TechnicianID
	for _, s := range e.day.shifts {
		who = append(who, s.Technician)
	}
	for _, one := range []dispatch.TechnicianID{e.visit.Technician, e.visit.Planned.Technician} {
		if !one.IsZero() {
			who = append(who, one)
		}
	}
	technicians, err := tx.GetTechnicians(ctx, who)
	e.names = map[dispatch.TechnicianID]string{}
	for _, t := range technicians {
		e.names[t.ID] = t.DisplayName
	}
	return err
}

// settled reports whether the visit has begun or is over: then there is nothing
// to plan.
func (e *explanation) settled() bool {
	return e.visit.State != dispatch.VisitPlanned && e.visit.State != dispatch.VisitUnassigned
}

func (e *explanation) sentences() ([]string, error) {
	switch {
	case e.settled():
		return []string{e.whatHappened()}, nil
	case e.picture == nil:
		return []string{fmt.Sprintf("Nobody makes it: there is no shift in %s on %s%s.", e.day.area.DisplayName, e.day.date, e.promise())}, nil
	}
	live, err := e.picture.Live()
	if err != nil {
		return nil, fmt.Errorf("explain %s: %w", e.visit.Name(), err)
	}
	job := e.picture.Job(0)
	if e.visit.State == dispatch.VisitPlanned {
		job = e.job()
	}
	found, err := live.Explain(job)
	if err != nil {
		return nil, fmt.Errorf("explain %s: %w", e.visit.Name(), err)
	}
	if e.visit.State == dispatch.VisitPlanned {
		return e.why(found), nil
	}
	return e.whyNot(live, found), nil
}

// job is the visit's index in the picture.
func (e *explanation) job() int {
	for i, s := range e.picture.Stops {
		if s.Visit == e.visit.ID {
			return i
		}
	}
	return -1
}

// whatHappened says it of a visit that has begun or is over.
func (e *explanation) whatHappened() string {
	who := e.names[e.visit.Technician]
	switch e.visit.State {
	case dispatch.VisitEnRoute:
		return fmt.Sprintf("%s set off at %s and is on the way.", who, e.clock(e.visit.EnRouteAt))
	case dispatch.VisitOnSite:
		return fmt.Sprintf("%s arrived at %s.", who, e.clock(e.visit.ArrivedAt))
	case dispatch.VisitInProgress:
		return fmt.Sprintf("%s is at work since %s.", who, e.clock(e.visit.StartedAt))
	case dispatch.VisitClosed:
		return fmt.Sprintf("It is over: %s ended it at %s as %s.", who, e.clock(e.visit.FinishedAt), strings.ReplaceAll(string(e.visit.Outcome), "_", " "))
	default:
		return "It was cancelled before anybody set off."
	}
}

// why says it of a visit that a technician is meant to make.
func (e *explanation) why(found *scheduler.Explanation) []string {
	c := e.visit.Planned
	out := []string{fmt.Sprintf("%s is to drive %d min to it and begin at %s%s.", e.names[c.Technician], int(c.Travel.Round(time.Minute)/time.Minute), e.clock(c.Span.Start), e.promise())}
	if c.PinnedBy != "" {
		out = append(out, fmt.Sprintf("%s has pinned technician and time, so that no run moves it.", c.PinnedBy))
	}
	out = append(out, fmt.Sprintf("Without it the day would cost %s less in travel and time.", e.money(found.Marginal)))
	switch better := found.Better; {
	case better != nil:
		out = append(out, fmt.Sprintf("%s could make it for %s; the next run will weigh that against moving it.", e.who(better.Shift), e.money(better.Marginal)))
	case len(e.day.shifts) > 1:
		out = append(out, "Nobody else could make it for less: "+e.others(found.Shifts, found.Shift)+".")
	}
	return out
}

// whyNot says why nobody is meant to make a visit.
func (e *explanation) whyNot(live *scheduler.Live, found *scheduler.Explanation) []string {
	if window := e.visit.Window.Span; window != (dispatch.Span{}) && !window.End.After(e.day.now) {
		return []string{fmt.Sprintf("Nobody makes it: the window that was promised ended at %s. Offer its customer another one.", e.clock(window.End))}
	}
	out := []string{fmt.Sprintf("Nobody makes it on %s%s: %s.", e.day.date, e.promise(), e.others(found.Shifts, -1))}
	job := e.picture.Job(0)
	if quote, refused := live.Quote(job, scheduler.Among{}); refused == nil {
		worth := e.picture.Model.Jobs[job].LeaveOut
		if worth > 0 && quote.Marginal > worth {
			return append(out, fmt.Sprintf("%s could make it for %s, which is more than the %s that leaving it for another day is priced at.",
				e.who(quote.Shift), e.money(quote.Marginal), e.money(worth)))
		}
		return append(out, fmt.Sprintf("%s could make it for %s: the next run of the day will give it a place, or assign it by hand.", e.who(quote.Shift), e.money(quote.Marginal)))
	}
	for _, change := range found.Changes {
		out = append(out, e.change(change))
	}
	return out
}

// others counts the shifts by the rule that keeps the visit out of them.
func (e *explanation) others(rules []scheduler.Rule, but int) string {
	var counts [scheduler.RulePlan + 1]int
	for shift, rule := range rules {
		if shift != but && int(rule) < len(counts) {
			counts[rule]++
		}
	}
	var parts []string
	for rule, n := range counts {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, ofShifts(scheduler.Rule(rule))))
		}
	}
	total := len(rules)
	if but >= 0 {
		total--
		return fmt.Sprintf("of %d other shifts, %s", total, strings.Join(parts, ", "))
	}
	return fmt.Sprintf("of %d shifts, %s", total, strings.Join(parts, ", "))
}

// ofShifts says what a rule means for the shifts that it closes.
func ofShifts(r scheduler.Rule) string {
	switch r {
	case scheduler.RuleNone:
		return "could take it"
	case scheduler.RuleSkill:
		return "without a skill that it needs"
	case scheduler.RuleCertificate:
		return "without a certificate that is valid that day"
	case scheduler.RuleRequired, scheduler.RuleExcluded, scheduler.RulePin:
		return "of another technician than the one whom it is for"
	case scheduler.RuleWindow:
		return "too late for its window"
	case scheduler.RuleShift, scheduler.RuleFrozen:
		return "without working time left for it"
	case scheduler.RuleBreak:
		return "with a break or an absence in the way"
	default:
		return "closed by the rule " + r.String()
	}
}

// change says what would let the visit in.
func (e *explanation) change(c scheduler.Change) string {
	who, minutes := e.who(c.Shift), (c.By+59)/60
	switch {
	case c.Without >= 0:
		return fmt.Sprintf("%s could make it without %s.", who, e.stop(c.Without))
	case c.Rule == scheduler.RuleShift:
		return fmt.Sprintf("%s could make it with %d min of overtime.", who, minutes)
	case c.Rule == scheduler.RuleWindow:
		return fmt.Sprintf("%s could make it if the window were %d min longer.", who, minutes)
	case c.Rule == scheduler.RuleSkill:
		return fmt.Sprintf("%s could make it if %d more levels of a skill were not asked for.", who, c.By)
	default:
		return fmt.Sprintf("%s could make it without the rule %s.", who, c.Rule)
	}
}

// stop names another job of the day.
func (e *explanation) stop(job int) string {
	if job >= len(e.picture.Stops) || e.picture.Stops[job].Kind != dispatch.CommitmentVisit {
		return "a window that is held for another customer"
	}
	s := e.picture.Stops[job]
	return fmt.Sprintf("%s at %s", s.Visit.Name(), e.clock(s.Span.Start))
}

// promise says what was promised, as the end of a sentence.
func (e *explanation) promise() string {
	w := e.visit.Window
	if w.Span == (dispatch.Span{}) {
		return "; no window was promised"
	}
	return fmt.Sprintf("; its customer was promised %s to %s", e.clock(w.Start), e.clock(w.End))
}

// who is the technician of a shift of the picture.
func (e *explanation) who(shift int) string { return e.names[e.picture.Shifts[shift].Technician] }

// clock is a wall-clock time in the area's zone, with the day where it is another
// one than the day that is explained.
func (e *explanation) clock(t time.Time) string {
	local := t.In(e.day.zone)
	if dispatch.DateOf(t, e.day.zone) == e.day.date {
		return local.Format("15:04")
	}
	return local.Format("2 January 15:04")
}

// money is a price of the model, which is in hundredths of a unit.
func (e *explanation) money(price int64) string {
	return fmt.Sprintf("%d.%02d %s", price/100, price%100, e.currency)
}
