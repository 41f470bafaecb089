package fieldwork

import (
	"context"
	"strconv"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// resolve writes a work order that is resolved, with the verdict of its fix
// window. While the verdict is provisional, late events correct it in place; a
// final one is history, and if they prove it wrong another episode begins.
func (s *scene) resolve(ctx context.Context, tx dispatch.Tx, before dispatch.WorkOrder) error {
	if before.State != dispatch.WorkOrderResolved {
		return s.beginEpisode(ctx, tx, before)
	}
	row, err := tx.LockFixEpisode(ctx, s.order.ID, before.Episode)
	if err != nil {
		return err
	}
	judged, err := judge(ctx, tx, s.order, s.others, row, s.now)
	if err != nil {
		return err
	}
	if sameVerdict(judged, row) {
		return s.saveOrder(ctx, tx, before)
	}
	if row.State == dispatch.FixFinal {
		if err := s.recordChange(ctx, tx, row, "a late event proves the verdict wrong"); err != nil {
			return err
		}
		return s.beginEpisode(ctx, tx, before)
	}
	if err := s.saveOrder(ctx, tx, before); err != nil {
		return err
	}
	return tx.SaveFixEpisode(ctx, judged)
}

// beginEpisode starts a life of the fix window, and its process.
func (s *scene) beginEpisode(ctx context.Context, tx dispatch.Tx, before dispatch.WorkOrder) error {
	s.order.Episode++
	if err := s.saveOrder(ctx, tx, before); err != nil {
		return err
	}
	judged, err := judge(ctx, tx, s.order, s.others, dispatch.FixEpisode{
		WorkOrder: s.order.ID, Episode: s.order.Episode, Service: s.order.Service, State: dispatch.FixProvisional,
	}, s.now)
	if err != nil {
		return err
	}
	if err := tx.CreateFixEpisode(ctx, judged); err != nil {
		return err
	}
	return tx.Publish(ctx, dispatch.Notice{
		Subject: s.order.Name(), Version: s.order.Version, Kind: dispatch.NoticeWorkOrderResolved,
		Payload: map[string]string{"episode": strconv.Itoa(s.order.Episode)},
	})
}

// sameVerdict reports whether judging again has changed nothing.
func sameVerdict(a, b dispatch.FixEpisode) bool {
	return a.Verdict == b.Verdict && a.Reason == b.Reason && a.Repeat == b.Repeat && a.Technician == b.Technician &&
		a.ResolvedAt.Equal(b.ResolvedAt)
}

// judge fills an episode with the verdict that the rows give now.
func judge(ctx context.Context, tx dispatch.Tx, w dispatch.WorkOrder, visits []dispatch.Visit, f dispatch.FixEpisode, now time.Time) (dispatch.FixEpisode, error) {
	service, err := tx.GetService(ctx, w.Service)
	if err != nil {
		return f, err
	}
	site, err := tx.GetSite(ctx, w.Site)
	if err != nil {
		return f, err
	}
	zone, err := dispatch.Zone(site.TimeZone)
	if err != nil {
		return f, err
	}
	// The length of the window is the service's when the work was resolved: a
	// change of the catalogue moves no verdict that is waited for.
	if f.WindowDays == 0 {
		f.WindowDays = service.FixWindowDays
	}
	f.ResolvedAt = w.ResolvedAt
	f.DueAt = dispatch.FixWindowEnd(w.ResolvedAt, f.WindowDays, zone)
	repeats, err := tx.RepeatsOf(ctx, w, w.ResolvedAt, f.DueAt)
	if err != nil {
		return f, err
	}
	judgement := dispatch.JudgeFirstTimeFix(w, service.Corrective, visits, repeats, f.DueAt)
	f.Verdict, f.Reason, f.Repeat = judgement.Verdict, judgement.Reason, judgement.Repeat
	f.Technician = dispatch.FirstAttempt(visits).Technician
	f.JudgedAt = now
	return f, nil
}

// endEpisode closes the episode of a work order that is not resolved any more.
func (s *scene) endEpisode(ctx context.Context, tx dispatch.Tx, why string) error {
	f, err := tx.LockFixEpisode(ctx, s.order.ID, s.order.Episode)
	if err != nil {
		return err
	}
	if err := s.recordChange(ctx, tx, f, why); err != nil || f.State == dispatch.FixFinal {
		return err
	}
	return finish(ctx, tx, f, dispatch.FixJudgement{Verdict: dispatch.NotCounted, Reason: why}, s.now)
}

// recordChange leaves a record of whose event moved a figure.
func (s *scene) recordChange(ctx context.Context, tx dispatch.Tx, f dispatch.FixEpisode, why string) error {
	return tx.WriteAudit(ctx, dispatch.AuditEntry{
		Actor: "technician:" + s.visit.Technician.String(), Role: dispatch.RoleTechnician, Method: "fieldwork.Reopen",
		Subject: dispatch.EpisodeName(f.WorkOrder, f.Episode),
		Detail:  map[string]string{"verdict": string(f.Verdict), "state": string(f.State), "why": why},
	})
}

// finish makes a verdict final.
func finish(ctx context.Context, tx dispatch.Tx, f dispatch.FixEpisode, j dispatch.FixJudgement, now time.Time) error {
	if err := dispatch.FixMachine.Check(dispatch.EpisodeName(f.WorkOrder, f.Episode), f.State, dispatch.FixFinal); err != nil {
		return err
	}
	f.State, f.Verdict, f.Reason, f.Repeat, f.JudgedAt = dispatch.FixFinal, j.Verdict, j.Reason, j.Repeat, now
	return tx.SaveFixEpisode(ctx, f)
}

// LookAtFixWindow judges an episode again, and for good once its window is over.
func (f *Fieldwork) LookAtFixWindow(ctx context.Context, tenant dispatch.TenantID, id dispatch.WorkOrderID, episode int) (dispatch.Look, error) {
	process := dispatch.WatchFixWindow(tenant, id, episode)
	return inTx(ctx, f.store, tenant, func(ctx context.Context, tx dispatch.Tx) (dispatch.Look, error) {
		order, err := tx.LockWorkOrder(ctx, id)
		if err != nil {
			return restIfGone(ctx, tx, process, err)
		}
		row, err := tx.LockFixEpisode(ctx, id, episode)
		if err != nil {
			return restIfGone(ctx, tx, process, err)
		}
		if row.State == dispatch.FixFinal {
			return dispatch.Rest(ctx, tx, process.Workflow)
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return dispatch.Look{}, err
		}
		visits, err := tx.VisitsOf(ctx, id)
		if err != nil {
			return dispatch.Look{}, err
		}
		judged, err := judge(ctx, tx, order, visits, row, now)
		if err != nil {
			return dispatch.Look{}, err
		}
		if !now.Before(judged.DueAt) {
			j := dispatch.FixJudgement{Verdict: judged.Verdict, Reason: judged.Reason, Repeat: judged.Repeat}
			if err := finish(ctx, tx, judged, j, now); err != nil {
				return dispatch.Look{}, err
			}
			return dispatch.Rest(ctx, tx, process.Workflow)
		}
		if !sameVerdict(judged, row) {
			if err := tx.SaveFixEpisode(ctx, judged); err != nil {
				return dispatch.Look{}, err
			}
		}
		return dispatch.SleepUntil(ctx, tx, process.At(judged.DueAt))
	})
}

// FixesSpoiltBy gives the episodes whose verdict a work order that was opened may
// spoil: those of earlier ones about the same issue whose fix window runs. Their
// processes have to look again.
func (f *Fieldwork) FixesSpoiltBy(ctx context.Context, tenant dispatch.TenantID, opened dispatch.WorkOrderID) ([]dispatch.FixEpisode, error) {
	var out []dispatch.FixEpisode
	err := f.store.View(ctx, tenant, func(ctx context.Context, tx dispatch.Tx) error {
		order, err := tx.GetWorkOrder(ctx, opened)
		if err != nil {
			return err
		}
		out, err = tx.ProvisionalFixes(ctx, order)
		return err
	})
	return out, err
}

// inTx is InTx for functions with an answer.
func inTx[T any](ctx context.Context, store dispatch.Store, tenant dispatch.TenantID, fn func(context.Context, dispatch.Tx) (T, error)) (T, error) {
	var out T
	err := store.InTx(ctx, tenant, func(ctx context.Context, tx dispatch.Tx) error {
		var err error
		out, err = fn(ctx, tx)
		return err
	})
	return out, err
}

// restIfGone ends a process whose subject does not exist, which only a test or a
// wiped tenant can bring about.
func restIfGone(ctx context.Context, tx dispatch.Tx, process dispatch.Wakeup, err error) (dispatch.Look, error) {
	if dispatch.ReasonOf(err) != dispatch.ReasonResourceNotFound {
		return dispatch.Look{}, err
	}
	return dispatch.Rest(ctx, tx, process.Workflow)
}
