package fieldwork_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/fieldwork"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
)

// world is a company with technicians in the field.
type world struct {
	*company.Company
	field *fieldwork.Fieldwork
	sql   *pgxpool.Pool // as superuser: the truth, of every tenant
}

func newWorld(t testing.TB) *world {
	t.Helper()
	c := company.New(t)
	seal, err := dispatch.NewSeal(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	sql, err := pgxpool.New(t.Context(), c.DB.SuperuserURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sql.Close)
	return &world{Company: c, field: fieldwork.New(c.Store, seal, slog.New(slog.DiscardHandler)), sql: sql}
}

// job is a visit with all that belongs to it.
type job struct {
	order       dispatch.WorkOrder
	appointment dispatch.Appointment
	visit       dispatch.Visit
	commitment  dispatch.Commitment
}

// at plans a visit of a technician from start on, promised for the two hours
// around it, to a site of its own.
func (w *world) at(t testing.TB, technician int, start time.Time) job {
	t.Helper()
	site := w.newSite(t)
	j := job{order: dispatch.WorkOrder{
		ID: dispatch.WorkOrderID{}.New(), Customer: w.Customer.ID, Site: site.ID, Service: w.Service.ID,
		PlanningArea: w.Area.ID, State: dispatch.WorkOrderScheduled, Priority: 3, Issue: "it flickers", OpenedAt: w.At(0, 6, 0), Version: 1,
	}}
	w.plan(t, &j, technician, start)
	return j
}

func (w *world) newSite(t testing.TB) dispatch.Site {
	t.Helper()
	var site dispatch.Site
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		var err error
		site, err = tx.PutSite(ctx, dispatch.Site{
			ID: dispatch.SiteID{}.New(), Address: uuid.NewString() + " Main Street", PostalCode: "02110",
			Location: w.Center, TimeZone: "America/New_York", AccessNotes: "ring twice",
		})
		return err
	})
	return site
}

// plan writes the job's rows: an order that is there already gets another visit.
func (w *world) plan(t testing.TB, j *job, technician int, start time.Time) {
	t.Helper()
	window := dispatch.Window{Span: dispatch.Span{Start: start.Add(-time.Hour), End: start.Add(time.Hour)}, Zone: "America/New_York"}
	j.appointment = dispatch.Appointment{
		ID: dispatch.AppointmentID{}.New(), WorkOrder: j.order.ID, Customer: w.Customer.ID, State: dispatch.AppointmentConfirmed,
		Service: j.order.Service, Tier: w.Tier.ID, Window: window, Price: w.Tier.Price, Promise: 1, LinkEpoch: 1,
		BookedBy: "visitor:x", BookedAt: w.At(0, 6, 0), Version: 1,
	}
	j.visit = dispatch.Visit{
		ID: dispatch.VisitID{}.New(), WorkOrder: j.order.ID, Appointment: j.appointment.ID, PlanningArea: w.Area.ID,
		Ordinal: 1, State: dispatch.VisitPlanned, Duration: w.Service.Duration, CreatedAt: w.At(0, 6, 0), Version: 1,
	}
	j.commitment = w.commitment(technician, start, j.visit)
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		if _, err := tx.GetWorkOrder(ctx, j.order.ID); err != nil {
			if err := tx.CreateWorkOrder(ctx, j.order); err != nil {
				return err
			}
		}
		visits, err := tx.VisitsOf(ctx, j.order.ID)
		if err != nil {
			return err
		}
		j.visit.Ordinal = len(visits) + 1
		if err := tx.CreateAppointment(ctx, j.appointment); err != nil {
			return err
		}
		err = tx.AddPromise(ctx, dispatch.Promise{
			Appointment: j.appointment.ID, Ordinal: 1, Window: window, MadeAt: w.At(0, 6, 0), MadeBy: "visitor:x",
			Reason: "booked", Outcome: dispatch.PromiseOpen,
		})
		if err != nil {
			return err
		}
		if err := tx.CreateVisit(ctx, j.visit); err != nil {
			return err
		}
		return tx.CreateCommitment(ctx, j.commitment)
	})
}

func (w *world) commitment(technician int, start time.Time, v dispatch.Visit) dispatch.Commitment {
	day := int(start.Sub(w.At(0, 0, 0)).Hours()) / 24
	return dispatch.Commitment{
		ID: dispatch.CommitmentID{}.New(), Technician: w.Technicians[technician].ID, Shift: w.Shifts[3*day+technician].ID,
		Kind: dispatch.CommitmentVisit, State: dispatch.CommitmentPlanned, Visit: v.ID,
		Span:   dispatch.Span{Start: start, End: start.Add(v.Duration)},
		Travel: 15 * time.Minute, Version: 1,
	}
}

// as is the call of a technician's device.
func (w *world) as(technician int) dispatch.Call {
	p := w.Principal(dispatch.RoleTechnician)
	p.Technician = w.Technicians[technician].ID
	return dispatch.Call{Principal: p, Method: "/firstfix.v1.TechnicianService/UploadEvents"}
}

// phone makes events as one installation of the app would.
type phone struct {
	device uuid.UUID
	seq    int64
}

func newPhone() *phone { return &phone{device: uuid.New()} }

func (p *phone) event(v dispatch.VisitID, kind dispatch.EventKind, at time.Time) dispatch.FieldEvent {
	p.seq++
	e := dispatch.FieldEvent{
		Device: p.device, ID: uuid.New(), Epoch: 1, Seq: p.seq, Visit: v, Kind: kind, OccurredAt: at,
	}
	switch kind {
	case dispatch.EventCompleted:
		e.Detail.Outcome = dispatch.OutcomeResolved
	case dispatch.EventNeedsReturn:
		e.Detail.Reason = string(dispatch.ReturnPart)
	}
	return e
}

// trip is the usual events of a visit: on the way, there, at work, done.
func (p *phone) trip(v dispatch.VisitID, start time.Time, end dispatch.EventKind) []dispatch.FieldEvent {
	return []dispatch.FieldEvent{
		p.event(v, dispatch.EventEnRoute, start.Add(-15*time.Minute)),
		p.event(v, dispatch.EventArrived, start),
		p.event(v, dispatch.EventStarted, start.Add(5*time.Minute)),
		p.event(v, end, start.Add(50*time.Minute)),
	}
}

func submit(events ...dispatch.FieldEvent) []fieldwork.Submitted {
	out := make([]fieldwork.Submitted, len(events))
	for i, e := range events {
		out[i].Event = e
	}
	return out
}

// upload sends events and fails the test unless each is answered with want.
func (w *world) upload(t testing.TB, technician int, want fieldwork.Status, events ...dispatch.FieldEvent) ([]fieldwork.Result, []fieldwork.Progress) {
	t.Helper()
	results, progress, err := w.field.UploadEvents(t.Context(), w.as(technician), submit(events...))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r.Event != events[i].ID || r.Status != want {
			t.Errorf("event %d (%s): status %d, %v; want %d", i, events[i].Kind, r.Status, r.Err, want)
		}
	}
	return results, progress
}

// now is the rows of a job as they are.
func (w *world) now(t testing.TB, j job) job {
	t.Helper()
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		var err error
		if j.order, err = tx.GetWorkOrder(ctx, j.order.ID); err != nil {
			return err
		}
		if j.visit, err = tx.GetVisit(ctx, j.visit.ID); err != nil {
			return err
		}
		j.appointment, err = tx.GetAppointment(ctx, j.appointment.ID)
		if err != nil {
			return err
		}
		j.commitment, _, err = tx.CommitmentOfVisit(ctx, j.visit.ID)
		return err
	})
	return j
}

func (w *world) promise(t testing.TB, j job) dispatch.PromiseOutcome {
	t.Helper()
	var out dispatch.PromiseOutcome
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		promises, err := tx.ListPromises(ctx, j.appointment.ID)
		if err == nil {
			out = promises[len(promises)-1].Outcome
		}
		return err
	})
	return out
}

// count runs a query for one number over the truth.
func (w *world) count(t testing.TB, sql string, args ...any) int {
	t.Helper()
	var n int
	if err := w.sql.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// words runs a query for texts over the truth.
func (w *world) words(t testing.TB, sql string, args ...any) []string {
	t.Helper()
	rows, err := w.sql.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}
