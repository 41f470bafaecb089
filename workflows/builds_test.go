package workflows

import (
	"fmt"
	"slices"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/firstfix/firstfix/dispatch"
)

// TestTheNextBuildTakesOver: a process that sleeps goes on with the build that is
// current when it wakes, also after a roll-back.
func TestTheNextBuildTakesOver(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	now := time.Date(2011, 11, 1, 12, 0, 0, 0, time.UTC)
	var d diary
	r := s.relay(t, temporalAddress(t))
	looks := func(build string) Looks {
		return s.sleepers(&d, build+" ", func(dispatch.Wakeup) (bool, error) { return false, nil })
	}
	order := dispatch.WorkOrderID{UUID: id(1)}
	w := dispatch.WatchFixWindow(s.tenant, order, 1)
	s.publish(t, notice(dispatch.NoticeWorkOrderResolved, order.Name(), 1, map[string]string{"episode": "1"}))
	var want []string
	for i, build := range []string{"a", "b", "a"} {
		s.db.SetDomainTime(t, now.Add(time.Duration(i)*2*time.Hour))
		stop := s.work(t, looks(build), build)
		deliverAll(t, s, r)
		want = append(want, build+" "+w.Workflow)
		eventually(t, fmt.Sprintf("look %d, by build %s", i+1, build), func() bool {
			if _, err := r.Nudge(t.Context()); err != nil {
				t.Log(err)
			}
			return len(d.read()) > i && s.backlog(t).IsZero()
		})
		stop()
	}
	if got := slices.Compact(d.read()); !slices.Equal(got, want) {
		t.Errorf("looks were made by %v, want %v", got, want)
	}
}

// TestBuildsSwappedUnderLoad: thirty processes live through deployments and a
// roll-back, with looks under way when their worker stops. Each comes to its end,
// and no build meets a history that it cannot replay.
func TestBuildsSwappedUnderLoad(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.nap = time.Second
	var d diary
	var rounds counter
	var all []dispatch.Wakeup
	for n := range 10 {
		visit, order, appointment := dispatch.VisitID{UUID: id(n)}, dispatch.WorkOrderID{UUID: id(n)}, dispatch.AppointmentID{UUID: id(n)}
		all = append(all, dispatch.WatchVisit(s.tenant, visit), dispatch.WatchFixWindow(s.tenant, order, 1), dispatch.WatchAppointment(s.tenant, appointment))
		s.publish(t, notice(dispatch.NoticeVisitMoved, visit.Name(), 1, nil))
		s.publish(t, notice(dispatch.NoticeWorkOrderResolved, order.Name(), 1, map[string]string{"episode": "1"}))
		s.publish(t, notice(dispatch.NoticeAppointmentBooked, appointment.Name(), 1, nil))
	}
	r := s.relay(t, temporalAddress(t))
	r.run(t)
	stopOld := func() {}
	for _, build := range []string{"a", "b", "a", "c"} {
		stop := s.work(t, s.sleepers(&d, build+" ", func(w dispatch.Wakeup) (bool, error) {
			time.Sleep(50 * time.Millisecond)
			return rounds.next(w.Workflow) >= 6, nil
		}), build)
		stopOld() // beside the new one, as a deployment does
		stopOld = stop
		looked := len(d.read())
		eventually(t, "some looks by build "+build, func() bool { return len(d.read()) >= looked+len(all)/2 })
	}
	for _, w := range all {
		eventually(t, w.Workflow+" to end", func() bool {
			return status(t, r, w.Workflow) == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
		})
		s.wantNoFailedTask(t, r, w.Workflow)
	}
	if backlog := s.backlog(t); !backlog.IsZero() {
		t.Errorf("backlog %+v, want none", backlog)
	}
}

// wantNoFailedTask looks for workflow tasks that a build could not replay. That
// one timed out when its worker went is normal.
func (s *stage) wantNoFailedTask(t *testing.T, r *Relay, workflowID string) {
	t.Helper()
	events := r.Temporal.GetWorkflowHistory(t.Context(), workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			t.Fatal(err)
		}
		if failed := event.GetWorkflowTaskFailedEventAttributes(); failed.GetCause() == enumspb.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR {
			t.Errorf("%s: %s", workflowID, failed.GetFailure().GetMessage())
		}
	}
}

// TestALatePromotionIsAnswered: the promotion of a build that is gone arrives
// after that of the one that runs.
func TestALatePromotionIsAnswered(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	var d diary
	sleep := func(dispatch.Wakeup) (bool, error) { return false, nil }
	r := s.relay(t, temporalAddress(t))
	current := func(build string) func() bool {
		return func() bool {
			answer, err := r.Temporal.WorkerDeploymentClient().GetHandle(string(s.home)).Describe(t.Context(), client.WorkerDeploymentDescribeOptions{})
			return err == nil && answer.Info.RoutingConfig.CurrentVersion != nil && answer.Info.RoutingConfig.CurrentVersion.BuildID == build
		}
	}
	stop := s.work(t, s.sleepers(&d, "", sleep), "gone")
	eventually(t, "the first build to be current", current("gone"))
	stop()
	s.work(t, s.sleepers(&d, "", sleep), "here")
	eventually(t, "the next build to be current", current("here"))
	late := NewWorkers(WorkersOptions{Temporal: r.Temporal, Installation: s.home, BuildID: "gone"})
	eventually(t, "the late promotion to arrive", func() bool { return late.setCurrent(t.Context()) == nil })
	eventually(t, "the build that runs to be current again", current("here"))
	s.publish(t, notice(dispatch.NoticeVisitMoved, dispatch.VisitID{UUID: id(1)}.Name(), 1, nil))
	deliverAll(t, s, r)
	eventually(t, "a look by it", func() bool { return len(d.read()) == 1 })
}
