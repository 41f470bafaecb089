package workforce_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
	"github.com/firstfix/firstfix/dispatch/workforce"
)

func TestShiftHours(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ada := o.Technicians[0].ID
	span := func(day, from, to int) dispatch.Span {
		return dispatch.Span{Start: o.At(day, from, 0), End: o.At(day, to, 0)}
	}
	for name, s := range map[string]dispatch.Shift{
		"no time":                 {Technician: ada},
		"end before start":        {Technician: ada, Span: span(20, 16, 8)},
		"empty":                   {Technician: ada, Span: span(20, 8, 8)},
		"longer than a day":       {Technician: ada, Span: span(20, 8, 33)},
		"over another shift":      {Technician: ada, Span: span(0, 15, 20)},
		"around another shift":    {Technician: ada, Span: span(0, 7, 17)},
		"a break outside":         {Technician: ada, Span: span(20, 8, 16), Breaks: []dispatch.Span{span(20, 16, 17)}},
		"a break that is none":    {Technician: ada, Span: span(20, 8, 16), Breaks: []dispatch.Span{span(20, 12, 12)}},
		"breaks over one another": {Technician: ada, Span: span(20, 8, 16), Breaks: []dispatch.Span{span(20, 12, 14), span(20, 13, 15)}},
	} {
		if _, err := o.w.CreateShift(t.Context(), o.admin(), s); dispatch.ReasonOf(err) != dispatch.ReasonShiftHoursInvalid || len(fieldsOf(err)) == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	night, err := o.w.CreateShift(t.Context(), o.admin(), dispatch.Shift{
		Technician: ada, Span: span(20, 22, 30), Breaks: []dispatch.Span{span(20, 26, 27)},
	})
	if err != nil || night.Date != dispatch.DateOf(o.At(20, 22, 0), o.Zone) || night.PlanningArea != o.Area.ID {
		t.Errorf("a night: %+v, %v", night, err)
	}
	if got, err := o.w.GetShift(t.Context(), o.admin(), night.ID); err != nil || len(got.Breaks) != 1 || !got.Breaks[0].Start.Equal(o.At(20, 26, 0)) {
		t.Errorf("its break: %+v, %v", got, err)
	}
	if _, err := o.w.CreateShift(t.Context(), o.admin(), dispatch.Shift{Technician: ada, Span: span(20, 30, 34)}); err != nil {
		t.Errorf("a shift that touches it: %v", err)
	}
}

func TestManyShifts(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var shifts []dispatch.Shift
	for day := 10; day < 100; day++ {
		for _, technician := range o.Technicians {
			shifts = append(shifts, dispatch.Shift{
				Technician: technician.ID, Span: dispatch.Span{Start: o.At(day, 8, 0), End: o.At(day, 16, 0)},
				Breaks: []dispatch.Span{{Start: o.At(day, 12, 0), End: o.At(day, 12, 30)}},
			})
		}
	}
	inverted := append(shifts[:len(shifts):len(shifts)], dispatch.Shift{Technician: o.Technicians[0].ID, Span: dispatch.Span{Start: o.At(200, 9, 0), End: o.At(200, 8, 0)}},
		dispatch.Shift{Technician: o.Technicians[0].ID, Span: dispatch.Span{Start: o.At(10, 9, 0), End: o.At(10, 10, 0)}})
	_, err := o.w.CreateShifts(t.Context(), o.admin(), inverted)
	if diff := cmp.Diff([]string{"shifts[270].end_time", "shifts[271].start_time"}, fieldsOf(err)); diff != "" {
		t.Errorf("two bad ones of many: %v\n%s", err, diff)
	}
	began := time.Now()
	made, err := o.w.CreateShifts(t.Context(), o.admin(), shifts)
	if err != nil || len(made) != len(shifts) {
		t.Fatalf("%d shifts made, %v", len(made), err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("%d shifts took %s", len(shifts), took)
	}
	_, err = o.w.CreateShifts(t.Context(), o.admin(), shifts[5:7])
	if dispatch.ReasonOf(err) != dispatch.ReasonShiftHoursInvalid || fieldsOf(err)[0] != "shifts[0].start_time" {
		t.Errorf("again: %v", err)
	}
	var listed int
	page, filter := dispatch.Page{Size: 50}, dispatch.ShiftFilter{From: made[0].Date, To: made[0].Date.AddDays(62)}
	for {
		rows, next, err := o.w.ListShifts(t.Context(), o.admin(), filter, page)
		if err != nil {
			t.Fatal(err)
		}
		listed += len(rows)
		if page.After = next; next == "" {
			break
		}
	}
	if listed != 62*3 {
		t.Errorf("%d shifts in 62 days are listed", listed)
	}
	filter.To = filter.From
	if _, _, err := o.w.ListShifts(t.Context(), o.admin(), filter, page); dispatch.ReasonOf(err) != dispatch.ReasonRangeInverted {
		t.Errorf("an empty range: %v", err)
	}
	filter.To = filter.From.AddDays(63)
	if _, _, err := o.w.ListShifts(t.Context(), o.admin(), filter, page); dispatch.ReasonOf(err) != dispatch.ReasonRangeTooLong {
		t.Errorf("63 days: %v", err)
	}
}

// booked plans a visit for the first technician on a day at an hour, an hour long.
func (o office) booked(t *testing.T, day, hour int) (dispatch.Visit, dispatch.Commitment) {
	t.Helper()
	order := dispatch.WorkOrder{
		ID: dispatch.WorkOrderID{}.New(), Site: o.Site.ID, Service: o.Service.ID, PlanningArea: o.Area.ID,
		State: dispatch.WorkOrderScheduled, Priority: 3, OpenedAt: company.Now, Version: 1,
	}
	visit := dispatch.Visit{
		ID: dispatch.VisitID{}.New(), WorkOrder: order.ID, PlanningArea: o.Area.ID, Ordinal: 1, State: dispatch.VisitPlanned,
		Duration: time.Hour, CreatedAt: company.Now, Version: 1,
	}
	shift := o.Shifts[3*day]
	c := dispatch.Commitment{
		ID: dispatch.CommitmentID{}.New(), Technician: shift.Technician, Shift: shift.ID, Kind: dispatch.CommitmentVisit,
		State: dispatch.CommitmentPlanned, Visit: visit.ID, Version: 1,
		Span: dispatch.Span{Start: o.At(day, hour, 0), End: o.At(day, hour+1, 0)},
	}
	o.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		if err := tx.CreateWorkOrder(ctx, order); err != nil {
			return err
		}
		if err := tx.CreateVisit(ctx, visit); err != nil {
			return err
		}
		return tx.CreateCommitment(ctx, c)
	})
	return visit, c
}

// promised makes the appointment of a visit.
func (o office) promised(t *testing.T, visit dispatch.Visit) dispatch.Appointment {
	t.Helper()
	a := dispatch.Appointment{
		ID: dispatch.AppointmentID{}.New(), WorkOrder: visit.WorkOrder, Customer: o.Customer.ID, State: dispatch.AppointmentConfirmed,
		Service: o.Service.ID, Tier: o.Tier.ID, Price: o.Tier.Price, Promise: 1, LinkEpoch: 1, BookedBy: "test", BookedAt: company.Now, Version: 1,
		Window: dispatch.Window{Span: dispatch.Span{Start: o.At(0, 13, 0), End: o.At(0, 15, 0)}, Zone: "America/New_York"},
	}
	o.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		promise := dispatch.Promise{Appointment: a.ID, Ordinal: 1, Window: a.Window, MadeAt: company.Now, MadeBy: "test", Reason: "booked", Outcome: dispatch.PromiseOpen}
		if err := tx.AddPromise(ctx, promise); err != nil {
			return err
		}
		if err := tx.CreateAppointment(ctx, a); err != nil {
			return err
		}
		visit.Appointment = a.ID
		return tx.SaveVisit(ctx, visit)
	})
	return a
}

// day lists what occupies a shift, e.g. "absence 08:00-12:00".
func (o office) day(t *testing.T, shift dispatch.ShiftID) []string {
	t.Helper()
	var out []string
	o.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		commitments, err := tx.CommitmentsOn(ctx, []dispatch.ShiftID{shift})
		for _, c := range commitments {
			out = append(out, fmt.Sprintf("%s %s-%s", c.Kind, c.Span.Start.In(o.Zone).Format("15:04"), c.Span.End.In(o.Zone).Format("15:04")))
		}
		return err
	})
	return out
}

func TestAbsence(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ada := o.Technicians[0].ID
	early, _ := o.booked(t, 0, 9)
	late, _ := o.booked(t, 0, 14)
	promised := o.promised(t, late)
	absence, err := o.w.CreateAbsence(t.Context(), o.admin(), dispatch.Absence{
		Technician: ada, Span: dispatch.Span{Start: o.At(0, 9, 30), End: o.At(1, 9, 0)}, Reason: "dentist",
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]dispatch.AppointmentID{promised.ID}, absence.Affected); diff != "" {
		t.Errorf("affected appointments (-want +got):\n%s", diff)
	}
	o.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		for _, id := range []dispatch.VisitID{early.ID, late.ID} {
			visit, err := tx.GetVisit(ctx, id)
			if err != nil || visit.State != dispatch.VisitUnassigned {
				t.Errorf("a visit in the absence is %s, %v", visit.State, err)
			}
		}
		return nil
	})
	if diff := cmp.Diff([]string{"absence 09:30-12:00", "break 12:00-12:30", "absence 12:30-16:00"}, o.day(t, o.Shifts[0].ID)); diff != "" {
		t.Errorf("the first day (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"absence 08:00-09:00", "break 12:00-12:30"}, o.day(t, o.Shifts[3].ID)); diff != "" {
		t.Errorf("the second day (-want +got):\n%s", diff)
	}

	shorter, err := o.w.UpdateAbsence(t.Context(), o.admin(), absence.ID, 1, func(a *dispatch.Absence) error {
		a.Span.End = o.At(0, 11, 0)
		return nil
	})
	if err != nil || shorter.Version != 2 {
		t.Fatalf("shorter: %+v, %v", shorter, err)
	}
	if diff := cmp.Diff([]string{"absence 09:30-11:00", "break 12:00-12:30"}, o.day(t, o.Shifts[0].ID)); diff != "" {
		t.Errorf("made shorter (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"break 12:00-12:30"}, o.day(t, o.Shifts[3].ID)); diff != "" {
		t.Errorf("the second day is free again (-want +got):\n%s", diff)
	}
	// A shift that is made later has the absence in it.
	if err := o.w.DeleteShift(t.Context(), o.admin(), o.Shifts[0].ID, 0); err == nil {
		t.Error("a shift that visits refer to was deleted")
	}
	for range 2 {
		if gone, err := o.w.CancelAbsence(t.Context(), o.admin(), absence.ID, 0); err != nil || !gone.Cancelled || gone.Version != 3 {
			t.Errorf("called off: %+v, %v", gone, err)
		}
	}
	if diff := cmp.Diff([]string{"break 12:00-12:30"}, o.day(t, o.Shifts[0].ID)); diff != "" {
		t.Errorf("called off (-want +got):\n%s", diff)
	}
	if _, err := o.w.UpdateAbsence(t.Context(), o.admin(), absence.ID, 3, func(*dispatch.Absence) error { return nil }); dispatch.ReasonOf(err) != dispatch.ReasonTerminalState {
		t.Errorf("changing one that is called off: %v", err)
	}
}

func TestAnAbsenceIsInLaterShifts(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ben := o.Technicians[1].ID
	for _, reason := range []string{"holiday", "ill too"} { // one over the other
		_, err := o.w.CreateAbsence(t.Context(), o.admin(), dispatch.Absence{
			Technician: ben, Span: dispatch.Span{Start: o.At(20, 0, 0), End: o.At(21, 10, 0)}, Reason: reason,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	made, err := o.w.CreateShift(t.Context(), o.admin(), dispatch.Shift{
		Technician: ben, Span: dispatch.Span{Start: o.At(21, 8, 0), End: o.At(21, 16, 0)}, Breaks: []dispatch.Span{{Start: o.At(21, 9, 0), End: o.At(21, 9, 15)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"absence 08:00-09:00", "break 09:00-09:15", "absence 09:15-10:00"}
	if diff := cmp.Diff(want, o.day(t, made.ID)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	longer, err := o.w.UpdateShift(t.Context(), o.admin(), made.ID, 1, func(s *dispatch.Shift) error {
		s.Span.Start, s.Breaks = o.At(21, 7, 0), nil
		return nil
	})
	if err != nil || longer.Version != 2 {
		t.Fatalf("earlier: %+v, %v", longer, err)
	}
	if diff := cmp.Diff([]string{"absence 07:00-10:00"}, o.day(t, made.ID)); diff != "" {
		t.Errorf("earlier, without a break (-want +got):\n%s", diff)
	}
	if err := o.w.DeleteShift(t.Context(), o.admin(), made.ID, 2); err != nil {
		t.Errorf("delete it: %v", err)
	}
	for name, a := range map[string]dispatch.Absence{
		"inverted": {Technician: ben, Span: dispatch.Span{Start: o.At(3, 0, 0), End: o.At(2, 0, 0)}, Reason: "x"},
		"too long": {Technician: ben, Span: dispatch.Span{Start: o.At(0, 0, 0), End: o.At(367, 0, 0)}, Reason: "x"},
		"no why":   {Technician: ben, Span: dispatch.Span{Start: o.At(0, 0, 0), End: o.At(1, 0, 0)}},
	} {
		if _, err := o.w.CreateAbsence(t.Context(), o.admin(), a); len(fieldsOf(err)) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPlannedWorkStandsInTheWay(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ada := o.Technicians[0]
	o.booked(t, 0, 9)
	shift := o.Shifts[0]
	at := func(from, to int) dispatch.Change[dispatch.Shift] {
		return func(s *dispatch.Shift) error {
			s.Span = dispatch.Span{Start: o.At(0, from, 0), End: o.At(0, to, 0)}
			return nil
		}
	}
	lunch := func(s *dispatch.Shift) error {
		s.Breaks = []dispatch.Span{{Start: o.At(0, 9, 30), End: o.At(0, 10, 0)}}
		return nil
	}
	if _, err := o.w.UpdateShift(t.Context(), o.admin(), shift.ID, 1, at(10, 16)); dispatch.ReasonOf(err) != dispatch.ReasonHasFutureJobs {
		t.Errorf("a later start: %v", err)
	}
	if _, err := o.w.UpdateShift(t.Context(), o.admin(), shift.ID, 1, lunch); dispatch.ReasonOf(err) != dispatch.ReasonHasFutureJobs {
		t.Errorf("a break over the visit: %v", err)
	}
	if err := o.w.DeleteShift(t.Context(), o.admin(), shift.ID, 1); dispatch.ReasonOf(err) != dispatch.ReasonHasFutureJobs {
		t.Errorf("without the shift: %v", err)
	}
	if _, err := o.w.DeactivateTechnician(t.Context(), o.admin(), ada.ID, 1); dispatch.ReasonOf(err) != dispatch.ReasonHasFutureJobs {
		t.Errorf("without the technician: %v", err)
	}
	if _, err := o.w.UpdateShift(t.Context(), o.admin(), shift.ID, 1, at(9, 13)); err != nil {
		t.Errorf("hours that hold the visit: %v", err)
	}
	if _, err := o.w.UpdateShift(t.Context(), o.admin(), shift.ID, 1, at(9, 13)); dispatch.ReasonOf(err) != dispatch.ReasonEtagMismatch {
		t.Errorf("a stale version: %v", err)
	}
	if away, err := o.w.DeactivateTechnician(t.Context(), o.admin(), o.Technicians[1].ID, 1); err != nil || away.Active {
		t.Errorf("an idle technician: %+v, %v", away, err)
	}
	_, err := o.w.CreateShift(t.Context(), o.admin(), dispatch.Shift{Technician: o.Technicians[1].ID, Span: dispatch.Span{Start: o.At(30, 8, 0), End: o.At(30, 9, 0)}})
	if dispatch.ReasonOf(err) != dispatch.ReasonInvalidRequest {
		t.Errorf("a shift for who has left: %v", err)
	}
	if back, err := o.w.ReactivateTechnician(t.Context(), o.admin(), o.Technicians[1].ID, 2); err != nil || !back.Active {
		t.Errorf("back again: %+v, %v", back, err)
	}
}

// The planner hears of each day that changes, once.
func TestChangedDaysAreTold(t *testing.T) {
	t.Parallel()
	c := newCity(t)
	o := office{c.Company, workforce.New(c.Store)}
	var shifts []dispatch.Shift
	for _, technician := range o.Technicians {
		for day := 30; day < 32; day++ {
			shifts = append(shifts, dispatch.Shift{Technician: technician.ID, Span: dispatch.Span{Start: o.At(day, 8, 0), End: o.At(day, 16, 0)}})
		}
	}
	if _, err := o.w.CreateShifts(t.Context(), o.admin(), shifts); err != nil {
		t.Fatal(err)
	}
	if n := c.count(t, "SELECT count(*) FROM notices WHERE kind = 'day_changed' AND payload->>'planning_area' = 'center'"); n != 2 {
		t.Errorf("%d notices about two days", n)
	}
}
