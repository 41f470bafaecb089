package workflows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/firstfix/firstfix/dispatch"
)

func notice(kind dispatch.NoticeKind, subject string, version int64, payload map[string]string) dispatch.Notice {
	return dispatch.Notice{Kind: kind, Subject: subject, Version: version, Payload: payload}
}

// deliverAll lets the relay work until no notice is left.
func deliverAll(t *testing.T, s *stage, r *Relay) {
	t.Helper()
	eventually(t, "every notice delivered", func() bool {
		for _, deliver := range []func(context.Context) (int, error){r.Deliver, r.DeliverBulk} {
			if _, err := deliver(t.Context()); err != nil {
				t.Log(err)
			}
		}
		return s.backlog(t).Notices == 0
	})
}

func status(t *testing.T, r *Relay, workflowID string) enumspb.WorkflowExecutionStatus {
	t.Helper()
	d, err := r.Temporal.DescribeWorkflowExecution(t.Context(), workflowID, "")
	if err != nil {
		return enumspb.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED
	}
	return d.GetWorkflowExecutionInfo().GetStatus()
}

// TestANoticeReachesItsProcess: from the row, through the real server, to a look
// at the rows; for every kind of process.
func TestANoticeReachesItsProcess(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	appointment, visit, order, referral := dispatch.AppointmentID{UUID: id(1)}, dispatch.VisitID{UUID: id(2)}, dispatch.WorkOrderID{UUID: id(3)}, dispatch.ReferralID{UUID: id(4)}
	opened := dispatch.WorkOrderID{UUID: id(5)}
	day := dispatch.Date{Year: 2011, Month: time.November, Day: 6}
	want := []dispatch.Wakeup{
		dispatch.WatchAppointment(s.tenant, appointment), dispatch.WatchVisit(s.tenant, visit),
		dispatch.WatchDay(s.tenant, "boston", day), dispatch.WatchDay(s.tenant, "boston", day.AddDays(-1)),
		dispatch.WatchFixWindow(s.tenant, order, 2), dispatch.WatchReferral(s.tenant, referral), dispatch.WatchSale(s.tenant, referral),
		dispatch.WatchFixWindow(s.tenant, order, 1),
	}
	var d diary
	s.work(t, s.sleepers(&d, "", func(dispatch.Wakeup) (bool, error) { return true, nil }), "a")
	r := s.relay(t, temporalAddress(t))
	r.Spoilt = func(_ context.Context, tenant dispatch.TenantID, id dispatch.WorkOrderID) ([]dispatch.FixEpisode, error) {
		if tenant != s.tenant || id != opened {
			t.Errorf("asked what %s of %s may spoil", id, tenant)
		}
		return []dispatch.FixEpisode{{WorkOrder: order, Episode: 1}}, nil
	}
	for _, n := range []dispatch.Notice{
		notice(dispatch.NoticeAppointmentBooked, appointment.Name(), 1, nil),
		notice(dispatch.NoticeVisitPlanned, visit.Name(), 1, nil),
		notice(dispatch.NoticeDayChanged, visit.Name(), 1, map[string]string{"planning_area": "boston", "date": "2011-11-06", "date_before": "2011-11-05"}),
		notice(dispatch.NoticeWorkOrderResolved, order.Name(), 4, map[string]string{"episode": "2"}),
		notice(dispatch.NoticeWorkOrderOpened, opened.Name(), 1, nil),
		notice(dispatch.NoticeReferralLogged, referral.Name(), 1, nil),
		notice(dispatch.NoticeSaleChanged, referral.Name(), 2, nil),
	} {
		s.publish(t, n)
	}
	deliverAll(t, s, r)
	eventually(t, "a look of every process, and no wakeup left", func() bool {
		looked := d.read()
		return s.backlog(t).IsZero() && !slices.ContainsFunc(want, func(w dispatch.Wakeup) bool { return !slices.Contains(looked, w.Workflow) })
	})
	for _, w := range want {
		eventually(t, w.Workflow+" completed", func() bool {
			return status(t, r, w.Workflow) == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
		})
	}
	looks := len(d.read())
	// An appointment that is over is over: a late notice starts nothing.
	s.publish(t, notice(dispatch.NoticeAppointmentClosed, appointment.Name(), 2, nil))
	// A visit that rested may be planned again.
	s.publish(t, notice(dispatch.NoticeVisitPlanned, visit.Name(), 2, nil))
	deliverAll(t, s, r)
	eventually(t, "one more look, at the visit", func() bool {
		all := d.read()
		return s.backlog(t).IsZero() && len(all) == looks+1 && all[looks] == dispatch.WatchVisit(s.tenant, visit).Workflow
	})
}

// TestTheClockJumps: domain time moves by a month at once, and a lost process is
// found by its row.
func TestTheClockJumps(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	now := time.Date(2011, 11, 1, 12, 0, 0, 0, time.UTC)
	s.db.SetDomainTime(t, now)
	w := dispatch.WatchFixWindow(s.tenant, dispatch.WorkOrderID{UUID: id(1)}, 1)
	var d diary
	var looks atomic.Int32
	s.work(t, s.sleepers(&d, "", func(dispatch.Wakeup) (bool, error) { return looks.Add(1) == 3, nil }), "a")
	r := s.relay(t, temporalAddress(t))
	s.publish(t, notice(dispatch.NoticeWorkOrderResolved, dispatch.WorkOrderID{UUID: id(1)}.Name(), 1, map[string]string{"episode": "1"}))
	deliverAll(t, s, r)
	eventually(t, "the first look", func() bool { return len(d.read()) == 1 && s.backlog(t).IsZero() })
	if n, err := r.Nudge(t.Context()); err != nil || n != 0 {
		t.Errorf("nudged %d before the time, %v", n, err)
	}

	s.db.SetDomainTime(t, now.Add(2*time.Hour))
	if n, err := r.Nudge(t.Context()); err != nil || n != 1 {
		t.Fatalf("nudged %d, %v; want the overdue one", n, err)
	}
	eventually(t, "the second look", func() bool { return len(d.read()) == 2 && s.backlog(t).IsZero() })

	if err := r.Temporal.TerminateWorkflow(t.Context(), w.Workflow, "", "lost"); err != nil {
		t.Fatal(err)
	}
	s.db.SetDomainTime(t, now.Add(30*24*time.Hour))
	if n, err := r.Nudge(t.Context()); err != nil || n != 1 {
		t.Fatalf("nudged %d, %v; want the lost one", n, err)
	}
	eventually(t, "the third look, by a new run", func() bool { return len(d.read()) == 3 && s.backlog(t).IsZero() })
}

// TestTemporalAway: nothing is lost, the order of a subject holds, and errors
// stand in the rows meanwhile.
func TestTemporalAway(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	line := newWire(t, temporalAddress(t))
	line.set(true)
	r := s.relay(t, line.address())
	const visits, versions = 10, 5
	for version := range int64(versions) {
		for n := range visits {
			s.publish(t, notice(dispatch.NoticeVisitMoved, dispatch.VisitID{UUID: id(n)}.Name(), version+1, nil))
		}
	}
	stop := r.run(t)
	eventually(t, "the failure to be written down", func() bool {
		return s.count(t, "SELECT count(*) FROM notices WHERE last_error <> '' AND attempts > 0 AND delivered_at IS NULL") > 0
	})
	if n := s.backlog(t).Notices; n != visits*versions {
		t.Errorf("%d notices wait, want all %d", n, visits*versions)
	}
	line.set(false)
	eventually(t, "every notice delivered", func() bool { return s.backlog(t).Notices == 0 })
	stop()

	for n := range visits {
		w := dispatch.WatchVisit(s.tenant, dispatch.VisitID{UUID: id(n)})
		if got := s.heard(t, r, w.Workflow); !slices.IsSorted(got) || len(slices.Compact(got)) != versions {
			t.Errorf("visit %d heard of versions %v, want 1 to %d in order", n, got, versions)
		}
	}
}

// heard are the versions of the notices in a workflow's history.
func (s *stage) heard(t *testing.T, r *Relay, workflowID string) []int64 {
	t.Helper()
	var versions []int64
	events := r.Temporal.GetWorkflowHistory(t.Context(), workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			t.Fatal(err)
		}
		if signal := event.GetWorkflowExecutionSignaledEventAttributes(); signal.GetSignalName() == signalNotice {
			var h Heard
			if err := decode(signal.GetInput(), &h); err != nil {
				t.Fatal(err)
			}
			versions = append(versions, h.Version)
		}
	}
	return versions
}

// TestTwoRelaysAndAThird that died with its leases.
func TestTwoRelaysAndAThird(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	const visits, versions = 20, 6
	for version := range int64(versions) {
		for n := range visits {
			s.publish(t, notice(dispatch.NoticeVisitMoved, dispatch.VisitID{UUID: id(n)}.Name(), version+1, nil))
		}
	}
	dead, err := s.store.ClaimNotices(t.Context(), false, 7, 300*time.Millisecond)
	if err != nil || len(dead) != 7 {
		t.Fatalf("claimed %d, %v", len(dead), err)
	}
	one, two := s.relay(t, temporalAddress(t)), s.relay(t, temporalAddress(t))
	stopOne, stopTwo := one.run(t), two.run(t)
	eventually(t, "every notice delivered", func() bool { return s.backlog(t).Notices == 0 })
	stopOne()
	stopTwo()
	if n, err := s.store.MarkDelivered(t.Context(), dead); err != nil || n != 0 {
		t.Errorf("the dead relay marked %d notices, %v", n, err)
	}
	for n := range visits {
		w := dispatch.WatchVisit(s.tenant, dispatch.VisitID{UUID: id(n)})
		if got := s.heard(t, one, w.Workflow); !slices.Equal(got, []int64{1, 2, 3, 4, 5, 6}) {
			t.Errorf("visit %d heard of versions %v, want 1 to %d once each", n, got, versions)
		}
	}
}

// TestANoticeThatCannotBeDelivered holds up its own subject and nobody else.
func TestANoticeThatCannotBeDelivered(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	r := s.relay(t, temporalAddress(t))
	r.Spoilt = func(context.Context, dispatch.TenantID, dispatch.WorkOrderID) ([]dispatch.FixEpisode, error) {
		return nil, errors.New("broken")
	}
	order := dispatch.WorkOrderID{UUID: id(1)}.Name()
	s.publish(t, notice("of_the_next_build", dispatch.VisitID{UUID: id(1)}.Name(), 1, nil))
	s.publish(t, notice(dispatch.NoticeVisitMoved, dispatch.VisitID{UUID: id(1)}.Name(), 2, nil))
	s.publish(t, notice(dispatch.NoticeVisitMoved, dispatch.VisitID{UUID: id(2)}.Name(), 1, nil))
	s.publish(t, notice(dispatch.NoticeWorkOrderOpened, order, 1, nil))
	if n, err := r.Deliver(t.Context()); err != nil || n != 1 {
		t.Errorf("delivered %d, %v; want the one that can be", n, err)
	}
	if n, err := r.Deliver(t.Context()); err != nil || n != 0 {
		t.Errorf("delivered %d more, %v; want none", n, err)
	}
	if n, err := r.DeliverBulk(t.Context()); err != nil || n != 0 {
		t.Errorf("delivered %d in bulk, %v; want none", n, err)
	}
	if n := s.count(t, "SELECT count(*) FROM notices WHERE last_error LIKE '%does not know%' OR last_error LIKE '%broken%'"); n != 2 {
		t.Errorf("%d notices say why they wait, want 2", n)
	}
}

// TestWorkersWaitForTemporal: they start before it does, and outlive a cut.
func TestWorkersWaitForTemporal(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	line := newWire(t, temporalAddress(t))
	line.set(true)
	var d diary
	workers := NewWorkers(WorkersOptions{
		Temporal: dial(t, line.address()), Store: s.store, Installation: s.home, BuildID: "a", Promote: true,
		Looks: s.sleepers(&d, "", func(dispatch.Wakeup) (bool, error) { return false, nil }), StopTime: time.Second, Log: s.log,
	})
	background(t, workers.Run)
	r := s.relay(t, line.address())
	r.run(t)
	visit := dispatch.VisitID{UUID: id(1)}.Name()
	for version := range int64(3) {
		s.publish(t, notice(dispatch.NoticeVisitMoved, visit, version+1, nil))
		line.set(false)
		eventually(t, fmt.Sprintf("look %d", version+1), func() bool { return len(d.read()) > int(version) && s.backlog(t).IsZero() })
		line.set(true)
	}
}
