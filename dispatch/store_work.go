package dispatch

import (
	"context"
	"time"
)

// WorkTx is the work and the time it takes, which booking, planning and
// fieldwork share. Save methods write the entity if its Version is the row's,
// which then grows by one, and refuse with ETAG_MISMATCH otherwise.
type WorkTx interface {
	GetWorkOrder(ctx context.Context, id WorkOrderID) (WorkOrder, error)
	LockWorkOrder(ctx context.Context, id WorkOrderID) (WorkOrder, error)
	CreateWorkOrder(ctx context.Context, w WorkOrder) error
	SaveWorkOrder(ctx context.Context, w WorkOrder) error

	GetVisit(ctx context.Context, id VisitID) (Visit, error)
	LockVisit(ctx context.Context, id VisitID) (Visit, error)
	CreateVisit(ctx context.Context, v Visit) error
	SaveVisit(ctx context.Context, v Visit) error
	// VisitsOf gives the visits of a work order by ordinal.
	VisitsOf(ctx context.Context, id WorkOrderID) ([]Visit, error)

	GetAppointment(ctx context.Context, id AppointmentID) (Appointment, error)
	LockAppointment(ctx context.Context, id AppointmentID) (Appointment, error)
	CreateAppointment(ctx context.Context, a Appointment) error
	SaveAppointment(ctx context.Context, a Appointment) error
	// VisitOf gives the live visit of an appointment.
	VisitOf(ctx context.Context, id AppointmentID) (Visit, error)

	AddPromise(ctx context.Context, p Promise) error
	// JudgePromise writes an outcome once: a promise that is not open stays.
	JudgePromise(ctx context.Context, id AppointmentID, ordinal int, outcome PromiseOutcome, at time.Time) error
	ListPromises(ctx context.Context, id AppointmentID) ([]Promise, error)

	// ShiftsBetween gives the shifts of an area that overlap [from, to), by
	// start and technician, without their breaks (those are commitments).
	ShiftsBetween(ctx context.Context, area PlanningAreaID, from, to time.Time) ([]Shift, error)
	// LockShifts locks shifts in the lock order and gives them in that order.
	// Whoever changes commitments of a shift holds its lock and calls
	// TouchShifts, so that others see by the version that it changed.
	LockShifts(ctx context.Context, ids []ShiftID) ([]Shift, error)
	TouchShifts(ctx context.Context, ids []ShiftID) error

	// CommitmentsOn gives the commitments of shifts that are not released, by
	// shift and start.
	CommitmentsOn(ctx context.Context, shifts []ShiftID) ([]Commitment, error)
	// StopsOn gives the same commitments as the stops of their routes.
	StopsOn(ctx context.Context, shifts []ShiftID) ([]Stop, error)
	// CommitmentOfVisit gives the one that is not released; found is false for
	// an unassigned visit.
	CommitmentOfVisit(ctx context.Context, id VisitID) (c Commitment, found bool, err error)
	CreateCommitment(ctx context.Context, c Commitment) error
	SaveCommitment(ctx context.Context, c Commitment) error
	// DeferOverlapCheck lets commitments overlap until COMMIT, so that visits
	// can swap; a clash then shows there, as TECHNICIAN_BUSY.
	DeferOverlapCheck(ctx context.Context) error
}
