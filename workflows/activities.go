package workflows

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/firstfix/firstfix/dispatch"
)

// Looks are the use cases that the long processes ask. Each reads its rows in
// one transaction, does what is due and leaves or clears the wakeup of the
// workflow.
type Looks struct {
	Appointment func(ctx context.Context, tenant dispatch.TenantID, id dispatch.AppointmentID) (dispatch.Look, error)
	Visit       func(ctx context.Context, tenant dispatch.TenantID, id dispatch.VisitID) (dispatch.Look, error)
	Day         func(ctx context.Context, tenant dispatch.TenantID, area dispatch.PlanningAreaID, day dispatch.Date) (dispatch.Look, error)
	FixWindow   func(ctx context.Context, tenant dispatch.TenantID, id dispatch.WorkOrderID, episode int) (dispatch.Look, error)
	Referral    func(ctx context.Context, tenant dispatch.TenantID, id dispatch.ReferralID) (dispatch.Look, error)
	Sale        func(ctx context.Context, tenant dispatch.TenantID, id dispatch.ReferralID) (dispatch.Look, error)
	Waitlist    func(ctx context.Context, tenant dispatch.TenantID, area dispatch.PlanningAreaID) (dispatch.Look, error)
}

// hopeless are the refusals that no further try can change. The workflow fails
// with them, for somebody to see; every other error may pass, be it an outage, a
// lost race or a bug whose cure is deployed while the look is tried again.
var hopeless = []dispatch.Reason{
	dispatch.ReasonResourceNotFound,
	dispatch.ReasonReferenceNotFound,
	dispatch.ReasonInvalidRequest,
	dispatch.ReasonZoneUnknown,
}

// activities are the looks as Temporal calls them.
type activities struct {
	looks Looks
	store dispatch.Store
	log   *slog.Logger
}

// functions gives the activity of each name.
func (a *activities) functions() map[string]func(context.Context, LookAt) (dispatch.Look, error) {
	return map[string]func(context.Context, LookAt) (dispatch.Look, error){
		"LookAtAppointment": a.activity(byID(a.looks.Appointment)),
		"LookAtVisit":       a.activity(byID(a.looks.Visit)),
		"LookAtReferral":    a.activity(byID(a.looks.Referral)),
		"LookAtSale":        a.activity(byID(a.looks.Sale)),
		"LookAtDay": a.activity(func(ctx context.Context, tenant dispatch.TenantID, subject string) (dispatch.Look, error) {
			area, day, err := dispatch.ParseDay(subject)
			if err != nil {
				return dispatch.Look{}, unreadable(err)
			}
			return a.looks.Day(ctx, tenant, area, day)
		}),
		"LookAtWaitlist": a.activity(func(ctx context.Context, tenant dispatch.TenantID, subject string) (dispatch.Look, error) {
			area, err := dispatch.ParseWaitlist(subject)
			if err != nil {
				return dispatch.Look{}, unreadable(err)
			}
			return a.looks.Waitlist(ctx, tenant, area)
		}),
		"LookAtFixWindow": a.activity(func(ctx context.Context, tenant dispatch.TenantID, subject string) (dispatch.Look, error) {
			id, episode, err := dispatch.ParseEpisode(subject)
			if err != nil {
				return dispatch.Look{}, unreadable(err)
			}
			return a.looks.FixWindow(ctx, tenant, id, episode)
		}),
	}
}

// lookAt is a look at a subject by its resource name.
type lookAt func(ctx context.Context, tenant dispatch.TenantID, subject string) (dispatch.Look, error)

func byID[K dispatch.Kind](look func(context.Context, dispatch.TenantID, dispatch.ID[K]) (dispatch.Look, error)) lookAt {
	return func(ctx context.Context, tenant dispatch.TenantID, subject string) (dispatch.Look, error) {
		id, err := dispatch.ParseName[K](subject)
		if err != nil {
			return dispatch.Look{}, unreadable(err)
		}
		return look(ctx, tenant, id)
	}
}

// unreadable refuses an input that names nothing.
func unreadable(err error) error {
	return dispatch.Refuse(dispatch.ReasonInvalidRequest, "", "the workflow's input names nothing").Because(err)
}

// activity makes a look an activity: ids from its input, the workflow id from
// Temporal, a heartbeat where one is expected, errors without foreign text.
func (a *activities) activity(look lookAt) func(context.Context, LookAt) (dispatch.Look, error) {
	return func(ctx context.Context, in LookAt) (dispatch.Look, error) {
		info := activity.GetInfo(ctx)
		workflowID := info.WorkflowExecution.ID
		begun := time.Now()
		answer, err := a.look(ctx, look, in, info.HeartbeatTimeout)
		level := slog.LevelDebug
		if err != nil {
			level = slog.LevelWarn
		}
		a.log.Log(ctx, level, "looked", "activity", info.ActivityType.Name, "workflow_id", workflowID, "attempt", info.Attempt,
			"duration", time.Since(begun), "done", answer.Done, "wait", answer.Wait, "error", err)
		return answer, a.verdict(ctx, in, workflowID, err)
	}
}

func (a *activities) look(ctx context.Context, look lookAt, in LookAt, beat time.Duration) (dispatch.Look, error) {
	tenant, err := in.tenant()
	if err != nil {
		return dispatch.Look{}, unreadable(err)
	}
	if beat > 0 {
		stop := keepBeating(ctx, beat/3)
		defer stop()
	}
	return look(ctx, tenant, in.Subject)
}

// keepBeating tells Temporal that the look lives, until it is stopped.
func keepBeating(ctx context.Context, every time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				activity.RecordHeartbeat(ctx)
			}
		}
	}()
	return func() { cancel(); <-ended }
}

// verdict says what Temporal shall make of a look's error. Histories hold no
// text but ours: what the database says may quote a row.
func (a *activities) verdict(ctx context.Context, in LookAt, workflowID string, err error) error {
	if err == nil {
		return nil
	}
	var refused *dispatch.Error
	if !errors.As(err, &refused) {
		return temporal.NewApplicationError("the look failed; the worker's log says why", string(dispatch.ReasonInternal))
	}
	if !slices.Contains(hopeless, refused.Reason) {
		return temporal.NewApplicationError(refused.Error(), string(refused.Reason))
	}
	if refused.Reason == dispatch.ReasonResourceNotFound {
		// Nothing is there to wait for: the row must not start the workflow anew.
		if err := a.rest(ctx, in, workflowID); err != nil {
			return temporal.NewApplicationError(refused.Error()+"; and its wakeup could not be removed", string(refused.Reason))
		}
	}
	return temporal.NewNonRetryableApplicationError(refused.Error(), string(refused.Reason), nil)
}

func (a *activities) rest(ctx context.Context, in LookAt, workflowID string) error {
	tenant, err := in.tenant()
	if err != nil {
		return err
	}
	return a.store.InTx(ctx, tenant, func(ctx context.Context, tx dispatch.Tx) error { return tx.ClearWakeup(ctx, workflowID) })
}

func (in LookAt) tenant() (dispatch.TenantID, error) {
	id, err := uuid.Parse(in.Tenant)
	return dispatch.TenantID{UUID: id}, err
}
