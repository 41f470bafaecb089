package workforce

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// longestShift is how long a shift may be: nights are whole, days are not two.
const longestShift = 24 * time.Hour

// mostShiftDays bounds one list of shifts.
const mostShiftDays = 62

// CreateShift makes a shift.
func (w *Workforce) CreateShift(ctx context.Context, call dispatch.Call, s dispatch.Shift) (dispatch.Shift, error) {
	return dispatch.Once(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Shift, error) {
		made, err := makeShifts(ctx, tx, []dispatch.Shift{s}, func(int) string { return "shift" })
		if err != nil {
			return dispatch.Shift{}, err
		}
		return made[0], nil
	})
}

// CreateShifts makes many shifts, all or nothing, in the order asked.
func (w *Workforce) CreateShifts(ctx context.Context, call dispatch.Call, shifts []dispatch.Shift) ([]dispatch.Shift, error) {
	return dispatch.Once(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.Shift, error) {
		return makeShifts(ctx, tx, shifts, func(i int) string { return fmt.Sprintf("shifts[%d]", i) })
	})
}

// GetShift reads a shift with its breaks.
func (w *Workforce) GetShift(ctx context.Context, call dispatch.Call, id dispatch.ShiftID) (dispatch.Shift, error) {
	return dispatch.Read(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Shift, error) { return tx.GetShift(ctx, id) })
}

// ListShifts pages through the shifts of some local days by start and id.
func (w *Workforce) ListShifts(ctx context.Context, call dispatch.Call, filter dispatch.ShiftFilter, page dispatch.Page) ([]dispatch.Shift, string, error) {
	if !filter.From.Before(filter.To) {
		return nil, "", dispatch.InvalidField(dispatch.ReasonRangeInverted, "end_date", "it is not after start_date")
	}
	if filter.From.AddDays(mostShiftDays).Before(filter.To) {
		return nil, "", dispatch.InvalidField(dispatch.ReasonRangeTooLong, "end_date", "it is more than %d days after start_date", mostShiftDays).
			With("maxDays", fmt.Sprint(mostShiftDays))
	}
	return dispatch.ReadPage(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.Shift, string, error) {
		return tx.PageShifts(ctx, filter, page)
	})
}

// UpdateShift changes hours and breaks. It refuses with HAS_FUTURE_JOBS if
// something is planned into time that would no longer be worked.
func (w *Workforce) UpdateShift(ctx context.Context, call dispatch.Call, id dispatch.ShiftID, version int64, change dispatch.Change[dispatch.Shift]) (dispatch.Shift, error) {
	return dispatch.Once(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Shift, error) {
		shift, err := lockShift(ctx, tx, id)
		if err != nil {
			return shift, err
		}
		if err := dispatch.CheckVersion(shift.Name(), shift.Version, version); err != nil {
			return shift, err
		}
		before := shift.Date
		if err := change(&shift); err != nil {
			return shift, err
		}
		if err := settle(ctx, tx, []dispatch.Shift{shift}, []*dispatch.Shift{&shift}, func(int) string { return "shift" }); err != nil {
			return shift, err
		}
		if err := keepsJobs(ctx, tx, shift); err != nil {
			return shift, err
		}
		if err := rewrite(ctx, tx, shift); err != nil {
			return shift, err
		}
		shift.Version++
		return shift, tellDays(ctx, tx, []dispatch.Shift{shift}, before)
	})
}

// DeleteShift takes a shift away. Version 0 means whatever the version.
func (w *Workforce) DeleteShift(ctx context.Context, call dispatch.Call, id dispatch.ShiftID, version int64) error {
	_, err := dispatch.Once(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Shift, error) {
		shift, err := lockShift(ctx, tx, id)
		if err != nil {
			return shift, err
		}
		if err := dispatch.CheckVersion(shift.Name(), shift.Version, version); err != nil {
			return shift, err
		}
		if err := keepsJobs(ctx, tx, dispatch.Shift{ID: id}); err != nil {
			return shift, err
		}
		shift.Version++
		if err := tellDays(ctx, tx, []dispatch.Shift{shift}); err != nil {
			return shift, err
		}
		return shift, tx.DeleteShift(ctx, id)
	})
	return err
}

// lockShift locks a shift and gives it with its breaks.
func lockShift(ctx context.Context, tx dispatch.Tx, id dispatch.ShiftID) (dispatch.Shift, error) {
	if _, err := tx.LockShifts(ctx, []dispatch.ShiftID{id}); err != nil {
		return dispatch.Shift{}, err
	}
	return tx.GetShift(ctx, id)
}

// makeShifts writes new shifts, and into them the absences that are known
// already. path names the field of the i-th.
func makeShifts(ctx context.Context, tx dispatch.Tx, asked []dispatch.Shift, path func(int) string) ([]dispatch.Shift, error) {
	shifts := slices.Clone(asked)
	each := make([]*dispatch.Shift, len(shifts))
	for i := range shifts {
		shifts[i].ID, shifts[i].Version = dispatch.ShiftID{}.New(), 1
		each[i] = &shifts[i]
	}
	if err := settle(ctx, tx, shifts, each, path); err != nil {
		return nil, err
	}
	if err := tx.CreateShifts(ctx, shifts); err != nil {
		return nil, err
	}
	if err := fillAbsences(ctx, tx, shifts); err != nil {
		return nil, err
	}
	return shifts, tellDays(ctx, tx, shifts)
}

// settle checks shifts and gives each its planning area and local day, which
// follow from the technician and the area's zone.
func settle(ctx context.Context, tx dispatch.Tx, shifts []dispatch.Shift, each []*dispatch.Shift, path func(int) string) error {
	var f faults
	technicians, err := technicianMap(ctx, tx, shifts)
	if err != nil {
		return err
	}
	zones := map[dispatch.PlanningAreaID]*time.Location{}
	for i, s := range each {
		checkHours(&f, path(i), *s)
		technician, ok := technicians[s.Technician]
		switch {
		case !ok:
			f.add(dispatch.MissingReference(path(i)+".technician", s.Technician.Name()))
			continue
		case !technician.Active:
			f.field(path(i)+".technician", "%s does not work for the company any more", s.Technician.Name())
		}
		if s.PlanningArea == "" {
			s.PlanningArea = technician.PlanningArea
		}
		if _, known := zones[s.PlanningArea]; !known {
			area, err := tx.GetPlanningArea(ctx, s.PlanningArea)
			if err := f.reference(path(i)+".planning_area", dispatch.PlanningArea{ID: s.PlanningArea}.Name(), err); err != nil {
				return err
			}
			if err == nil {
				if zones[s.PlanningArea], err = dispatch.Zone(area.TimeZone); err != nil {
					return err
				}
			}
		}
		if zone := zones[s.PlanningArea]; zone != nil {
			s.Date = dispatch.DateOf(s.Span.Start, zone)
		}
	}
	checkApart(&f, each, path)
	if err := f.err(); err != nil {
		return err
	}
	return checkClash(ctx, tx, each, path)
}

// checkClash refuses the first shift that overlaps one that is there. It is for
// the message: against a shift that is made in this moment, the database's
// constraint stands.
func checkClash(ctx context.Context, tx dispatch.Tx, each []*dispatch.Shift, path func(int) string) error {
	shifts := make([]dispatch.Shift, len(each))
	for i, s := range each {
		shifts[i] = *s
	}
	i, clash, err := tx.FirstShiftClash(ctx, shifts)
	if err == nil && clash {
		err = wrongHours(path(i)+".start_time", "%s has a shift at that time already", shifts[i].Technician.Name())
	}
	return err
}

func technicianMap(ctx context.Context, tx dispatch.Tx, shifts []dispatch.Shift) (map[dispatch.TechnicianID]dispatch.Technician, error) {
	var ids []dispatch.TechnicianID
	for _, s := range shifts {
		if !slices.Contains(ids, s.Technician) {
			ids = append(ids, s.Technician)
		}
	}
	found, err := tx.GetTechnicians(ctx, ids)
	out := make(map[dispatch.TechnicianID]dispatch.Technician, len(found))
	for _, t := range found {
		out[t.ID] = t
	}
	return out, err
}

func wrongHours(field, format string, args ...any) error {
	return dispatch.InvalidField(dispatch.ReasonShiftHoursInvalid, field, format, args...)
}

// checkHours checks a shift by itself.
func checkHours(f *faults, path string, s dispatch.Shift) {
	switch {
	case s.Span.Start.IsZero():
		f.add(wrongHours(path+".start_time", "it is required"))
	case !s.Span.Start.Before(s.Span.End):
		f.add(wrongHours(path+".end_time", "it is not after start_time"))
	case s.Span.Duration() > longestShift:
		f.add(wrongHours(path+".end_time", "it is %s after start_time, at most 24 hours are taken", s.Span.Duration()))
	}
	slices.SortFunc(s.Breaks, func(a, b dispatch.Span) int { return a.Start.Compare(b.Start) })
	for i, pause := range s.Breaks {
		at := fmt.Sprintf("%s.breaks[%d]", path, i)
		switch {
		case !pause.Start.Before(pause.End):
			f.add(wrongHours(at+".end_time", "it is not after start_time"))
		case pause.Start.Before(s.Span.Start) || pause.End.After(s.Span.End):
			f.add(wrongHours(at, "it is not within the shift"))
		case i > 0 && pause.Overlaps(s.Breaks[i-1]):
			f.add(wrongHours(at, "it overlaps the break before it"))
		}
	}
}

// checkApart refuses shifts of one technician in one request that overlap; those
// that were there before are checkClash's to see.
func checkApart(f *faults, each []*dispatch.Shift, path func(int) string) {
	order := make([]int, len(each))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := each[a], each[b]
		return cmp.Or(cmp.Compare(x.Technician.String(), y.Technician.String()), x.Span.Start.Compare(y.Span.Start))
	})
	for k := 1; k < len(order); k++ {
		before, this := each[order[k-1]], each[order[k]]
		if before.Technician == this.Technician && before.Span.Overlaps(this.Span) {
			f.add(wrongHours(path(order[k])+".start_time", "it lies within %s, a shift of the same technician", path(order[k-1])))
		}
	}
}

// keepsJobs refuses if a visit or hold of a shift does not fit into what the
// shift shall be.
func keepsJobs(ctx context.Context, tx dispatch.Tx, s dispatch.Shift) error {
	commitments, err := tx.CommitmentsOn(ctx, []dispatch.ShiftID{s.ID})
	if err != nil {
		return err
	}
	jobs := 0
	for _, c := range commitments {
		if c.State != dispatch.CommitmentDone && isJob(c) && !works(s, c.Span) {
			jobs++
		}
	}
	if jobs > 0 {
		return hasFutureJobs(s.Name(), jobs)
	}
	return nil
}

func isJob(c dispatch.Commitment) bool {
	return c.Kind == dispatch.CommitmentVisit || c.Kind == dispatch.CommitmentHold
}

// works reports whether a span is working time of a shift.
func works(s dispatch.Shift, span dispatch.Span) bool {
	for _, pause := range s.Breaks {
		if pause.Overlaps(span) {
			return false
		}
	}
	return !span.Start.Before(s.Span.Start) && !span.End.After(s.Span.End)
}

// rewrite saves a shift and fits its absences into the new hours: they lie
// around the breaks.
func rewrite(ctx context.Context, tx dispatch.Tx, s dispatch.Shift) error {
	commitments, err := tx.CommitmentsOn(ctx, []dispatch.ShiftID{s.ID})
	if err != nil {
		return err
	}
	for _, c := range commitments {
		if c.Kind != dispatch.CommitmentAbsence {
			continue
		}
		c.State = dispatch.CommitmentReleased
		if err := tx.SaveCommitment(ctx, c); err != nil {
			return err
		}
	}
	if err := tx.SaveShift(ctx, s); err != nil {
		return err
	}
	return fillAbsences(ctx, tx, []dispatch.Shift{s})
}

// tellDays tells the planner which days of which areas have changed, once each;
// before are further days that a shift has left.
func tellDays(ctx context.Context, tx dispatch.Tx, shifts []dispatch.Shift, before ...dispatch.Date) error {
	type day struct {
		area dispatch.PlanningAreaID
		date dispatch.Date
	}
	told := map[day]bool{}
	for _, s := range shifts {
		d := day{s.PlanningArea, s.Date}
		if told[d] {
			continue
		}
		told[d] = true
		payload := map[string]string{"planning_area": string(s.PlanningArea), "date": s.Date.String()}
		for _, left := range before {
			if left != s.Date {
				payload["date_before"] = left.String()
			}
		}
		err := tx.Publish(ctx, dispatch.Notice{Subject: s.Name(), Version: s.Version, Kind: dispatch.NoticeDayChanged, Payload: payload})
		if err != nil {
			return err
		}
	}
	return nil
}
