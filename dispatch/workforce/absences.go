package workforce

import (
	"context"
	"slices"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// longestAbsence bounds an absence; who is away for longer does not work for the
// company now, which DeactivateTechnician says.
const longestAbsence = 366 * 24 * time.Hour

// CreateAbsence makes an absence. Visits that were planned into it are taken from
// the technician and holds in it end; what was promised stays promised and is
// planned again.
func (w *Workforce) CreateAbsence(ctx context.Context, call dispatch.Call, a dispatch.Absence) (dispatch.Absence, error) {
	return dispatch.Once(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Absence, error) {
		absence := a
		absence.ID, absence.Cancelled, absence.Version = dispatch.AbsenceID{}.New(), false, 1
		if err := checkAbsence(ctx, tx, &absence); err != nil {
			return absence, err
		}
		shifts, err := lockShiftsIn(ctx, tx, absence.Technician, absence.Span)
		if err != nil {
			return absence, err
		}
		if err := tx.CreateAbsence(ctx, absence); err != nil {
			return absence, err
		}
		if err := takeTime(ctx, tx, absence, shifts); err != nil {
			return absence, err
		}
		return tx.GetAbsence(ctx, absence.ID) // with what it affects
	})
}

// GetAbsence reads an absence.
func (w *Workforce) GetAbsence(ctx context.Context, call dispatch.Call, id dispatch.AbsenceID) (dispatch.Absence, error) {
	return dispatch.Read(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Absence, error) { return tx.GetAbsence(ctx, id) })
}

// ListAbsences pages through absences by start and id.
func (w *Workforce) ListAbsences(ctx context.Context, call dispatch.Call, filter dispatch.AbsenceFilter, page dispatch.Page) ([]dispatch.Absence, string, error) {
	return dispatch.ReadPage(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.Absence, string, error) {
		return tx.PageAbsences(ctx, filter, page)
	})
}

// UpdateAbsence changes an absence; what it takes from the technician as
// CreateAbsence.
func (w *Workforce) UpdateAbsence(ctx context.Context, call dispatch.Call, id dispatch.AbsenceID, version int64, change dispatch.Change[dispatch.Absence]) (dispatch.Absence, error) {
	return w.changeAbsence(ctx, call, id, version, func(ctx context.Context, tx dispatch.Tx, a *dispatch.Absence) error {
		if a.Cancelled {
			return dispatch.Refuse(dispatch.ReasonTerminalState, a.Name(), "was called off; make another one").With("state", "cancelled")
		}
		if err := change(a); err != nil {
			return err
		}
		return checkAbsence(ctx, tx, a)
	})
}

// CancelAbsence calls an absence off. Version 0 means whatever the version.
func (w *Workforce) CancelAbsence(ctx context.Context, call dispatch.Call, id dispatch.AbsenceID, version int64) (dispatch.Absence, error) {
	return w.changeAbsence(ctx, call, id, version, func(_ context.Context, _ dispatch.Tx, a *dispatch.Absence) error {
		a.Cancelled = true
		return nil
	})
}

// changeAbsence locks the shifts of the old and the new time, gives the old time
// back and takes the new one.
func (w *Workforce) changeAbsence(ctx context.Context, call dispatch.Call, id dispatch.AbsenceID, version int64,
	change func(context.Context, dispatch.Tx, *dispatch.Absence) error,
) (dispatch.Absence, error) {
	return dispatch.Once(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Absence, error) {
		absence, err := tx.GetAbsence(ctx, id)
		if err != nil {
			return absence, err
		}
		if err := dispatch.CheckVersion(absence.Name(), absence.Version, version); err != nil {
			return absence, err
		}
		before := absence
		if err := change(ctx, tx, &absence); err != nil {
			return absence, err
		}
		if before.Cancelled && absence.Cancelled {
			return absence, nil // called off already: nothing to write
		}
		whole := dispatch.Span{Start: earlier(before.Span.Start, absence.Span.Start), End: later(before.Span.End, absence.Span.End)}
		shifts, err := lockShiftsIn(ctx, tx, absence.Technician, whole)
		if err != nil {
			return absence, err
		}
		if err := tx.SaveAbsence(ctx, absence); err != nil {
			return absence, err
		}
		if err := tx.ReleaseAbsence(ctx, id); err != nil {
			return absence, err
		}
		if err := takeTime(ctx, tx, absence, shifts); err != nil {
			return absence, err
		}
		return tx.GetAbsence(ctx, id)
	})
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func checkAbsence(ctx context.Context, tx dispatch.Tx, a *dispatch.Absence) error {
	var f faults
	f.label("absence.reason", &a.Reason)
	switch {
	case a.Span.Start.IsZero():
		f.field("absence.start_time", "it is required")
	case !a.Span.Start.Before(a.Span.End):
		f.add(dispatch.InvalidField(dispatch.ReasonRangeInverted, "absence.end_time", "it is not after start_time"))
	case a.Span.Duration() > longestAbsence:
		f.add(dispatch.InvalidField(dispatch.ReasonRangeTooLong, "absence.end_time", "it is more than 366 days after start_time").With("maxDays", "366"))
	}
	_, err := readTechnician(ctx, tx, a.Technician)
	if err := f.reference("absence.technician", a.Technician.Name(), err); err != nil {
		return err
	}
	return f.err()
}

// lockShiftsIn locks the shifts of a technician that a span touches.
func lockShiftsIn(ctx context.Context, tx dispatch.Tx, id dispatch.TechnicianID, span dispatch.Span) ([]dispatch.Shift, error) {
	shifts, err := tx.ShiftsOf(ctx, id, span.Start, span.End)
	if err != nil || len(shifts) == 0 {
		return nil, err
	}
	ids := make([]dispatch.ShiftID, len(shifts))
	for i, s := range shifts {
		ids[i] = s.ID
	}
	return tx.LockShifts(ctx, ids)
}

// takeTime clears the shifts, which are locked, of what is planned into an
// absence, keeps the time, and tells the planner.
func takeTime(ctx context.Context, tx dispatch.Tx, a dispatch.Absence, shifts []dispatch.Shift) error {
	if len(shifts) == 0 {
		return nil
	}
	ids := make([]dispatch.ShiftID, len(shifts))
	for i := range shifts {
		ids[i] = shifts[i].ID
	}
	if !a.Cancelled {
		commitments, err := tx.CommitmentsOn(ctx, ids)
		if err != nil {
			return err
		}
		if err := clearJobs(ctx, tx, commitments, a); err != nil {
			return err
		}
	}
	if err := fillAbsences(ctx, tx, shifts); err != nil {
		return err
	}
	if err := tx.TouchShifts(ctx, ids); err != nil {
		return err
	}
	for i := range shifts {
		shifts[i].Version++
	}
	return tellDays(ctx, tx, shifts)
}

// clearJobs takes visits and holds from the technician that overlap an absence and
// have not begun, visits first, as the lock order says.
func clearJobs(ctx context.Context, tx dispatch.Tx, commitments []dispatch.Commitment, a dispatch.Absence) error {
	for _, kind := range []dispatch.CommitmentKind{dispatch.CommitmentVisit, dispatch.CommitmentHold} {
		for _, c := range commitments {
			begun := c.State != dispatch.CommitmentPlanned && c.State != dispatch.CommitmentHeld
			if c.Kind != kind || begun || !c.Span.Overlaps(a.Span) {
				continue
			}
			c.State = dispatch.CommitmentReleased
			if err := tx.SaveCommitment(ctx, c); err != nil {
				return err
			}
			if kind == dispatch.CommitmentHold {
				if err := releaseHold(ctx, tx, c); err != nil {
					return err
				}
				continue
			}
			if err := releaseVisit(ctx, tx, c); err != nil {
				return err
			}
			if err := tx.NoteDisplaced(ctx, a.ID, c.Visit); err != nil {
				return err
			}
		}
	}
	return nil
}

func releaseVisit(ctx context.Context, tx dispatch.Tx, c dispatch.Commitment) error {
	visit, err := tx.LockVisit(ctx, c.Visit)
	if err != nil {
		return err
	}
	if err := dispatch.VisitMachine.Check(visit.Name(), visit.State, dispatch.VisitUnassigned); err != nil {
		return err
	}
	visit.State = dispatch.VisitUnassigned
	if err := tx.SaveVisit(ctx, visit); err != nil {
		return err
	}
	return tx.Publish(ctx, dispatch.Notice{Subject: visit.Name(), Version: visit.Version + 1, Kind: dispatch.NoticeVisitPlanned})
}

func releaseHold(ctx context.Context, tx dispatch.Tx, c dispatch.Commitment) error {
	hold, err := tx.LockHold(ctx, c.Hold)
	if err != nil {
		return err
	}
	if err := dispatch.HoldMachine.Check(hold.Name(), hold.State, dispatch.HoldReleased); err != nil {
		return err
	}
	hold.State = dispatch.HoldReleased
	return tx.SaveHold(ctx, hold)
}

// fillAbsences keeps the time of the absences of these shifts' technicians in
// the shifts, as far as nothing else is there: around breaks, beside one another,
// and around visits that have begun.
func fillAbsences(ctx context.Context, tx dispatch.Tx, shifts []dispatch.Shift) error {
	var technicians []dispatch.TechnicianID
	whole := shifts[0].Span
	ids := make([]dispatch.ShiftID, len(shifts))
	for i, s := range shifts {
		ids[i] = s.ID
		whole = dispatch.Span{Start: earlier(whole.Start, s.Span.Start), End: later(whole.End, s.Span.End)}
		if !slices.Contains(technicians, s.Technician) {
			technicians = append(technicians, s.Technician)
		}
	}
	absences, err := tx.AbsencesOf(ctx, technicians, whole.Start, whole.End)
	if err != nil || len(absences) == 0 {
		return err
	}
	commitments, err := tx.CommitmentsOn(ctx, ids)
	if err != nil {
		return err
	}
	taken := map[dispatch.ShiftID][]dispatch.Span{}
	for _, c := range commitments {
		taken[c.Shift] = append(taken[c.Shift], c.Span)
	}
	for _, a := range absences {
		for _, s := range shifts {
			if s.Technician != a.Technician {
				continue
			}
			for _, free := range gaps(s.Span, a.Span, taken[s.ID]) {
				err := tx.CreateCommitment(ctx, dispatch.Commitment{
					ID: dispatch.CommitmentID{}.New(), Technician: s.Technician, Shift: s.ID, Kind: dispatch.CommitmentAbsence,
					State: dispatch.CommitmentPlanned, Absence: a.ID, Span: free,
				})
				if err != nil {
					return err
				}
				taken[s.ID] = append(taken[s.ID], free)
			}
		}
	}
	return nil
}

// gaps gives what two spans share without what is taken.
func gaps(shift, absence dispatch.Span, taken []dispatch.Span) []dispatch.Span {
	start, end := later(shift.Start, absence.Start), earlier(shift.End, absence.End)
	taken = slices.Clone(taken)
	slices.SortFunc(taken, func(a, b dispatch.Span) int { return a.Start.Compare(b.Start) })
	var free []dispatch.Span
	for _, t := range taken {
		if start.Before(earlier(t.Start, end)) {
			free = append(free, dispatch.Span{Start: start, End: earlier(t.Start, end)})
		}
		start = later(start, t.End)
	}
	if start.Before(end) {
		free = append(free, dispatch.Span{Start: start, End: end})
	}
	return free
}
