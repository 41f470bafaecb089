package workflows

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/firstfix/firstfix/dispatch"
)

const homeTenant = "0190a000-0000-7000-8000-00000000000a"

// scripted is a process in the time-skipping environment whose looks answer from
// a script; the last answer is given for ever.
type scripted struct {
	*testsuite.TestWorkflowEnvironment
	process process
	loop    int
	begun   time.Time
	// at is when each look was made, on the workflow's clock.
	at []time.Duration
}

type answer struct {
	dispatch.Look
	err    error
	during func() // happens while the look runs
}

func wait(d time.Duration) answer { return answer{Look: dispatch.Look{Wait: d}} }

var done = answer{Look: dispatch.Look{Done: true}}

func script(t *testing.T, p process, loop int, answers ...answer) *scripted {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet)
	s := &scripted{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), process: p, loop: loop}
	s.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: deadlockTime})
	s.RegisterWorkflowWithOptions(p.workflow("firstfix"), workflow.RegisterOptions{Name: p.name})
	s.RegisterActivityWithOptions(func(_ context.Context, in LookAt) (dispatch.Look, error) {
		if in != (LookAt{Tenant: homeTenant, Subject: "subject"}) {
			t.Errorf("looked at %+v", in)
		}
		s.at = append(s.at, s.Now().Sub(s.begun))
		next := answers[min(len(s.at), len(answers))-1]
		if next.during != nil {
			next.during()
		}
		return next.Look, next.err
	}, activity.RegisterOptions{Name: p.look})
	return s
}

// run executes the workflow to its end and gives its error.
func (s *scripted) run(seen ...string) error {
	s.begun = s.Now()
	s.ExecuteWorkflow(s.process.name, Watch{Tenant: homeTenant, Subject: "subject", Seen: seen, Loop: s.loop})
	return s.GetWorkflowError()
}

func (s *scripted) notice(id string) {
	s.SignalWorkflow(signalNotice, Heard{Notice: id, Kind: dispatch.NoticeVisitMoved, Version: 1})
}

// wantLooks compares when looks were made, to the second.
func (s *scripted) wantLooks(t *testing.T, want ...time.Duration) {
	t.Helper()
	got := make([]time.Duration, len(s.at))
	for i, at := range s.at {
		got[i] = at.Truncate(time.Second)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("times of the looks (-want +got):\n%s", diff)
	}
}

// everyLoop runs a test for each kind of process in each form of its loop.
func everyLoop(t *testing.T, test func(t *testing.T, p process, loop int)) {
	everyProcess(t, func(t *testing.T, p process) {
		for _, loop := range []int{loopByActivity, loopInTask} {
			t.Run(fmt.Sprint("loop ", loop), func(t *testing.T) {
				t.Parallel()
				test(t, p, loop)
			})
		}
	})
}

// everyProcess runs a test for each kind of process.
func everyProcess(t *testing.T, test func(t *testing.T, p process)) {
	for _, p := range processes {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

func TestALookComesWhenItIsDue(t *testing.T) {
	t.Parallel()
	everyLoop(t, func(t *testing.T, p process, loop int) {
		s := script(t, p, loop, wait(24*time.Hour), wait(30*24*time.Hour), done)
		if err := s.run(); err != nil {
			t.Fatal(err)
		}
		s.wantLooks(t, 0, 24*time.Hour, 31*24*time.Hour)
	})
}

func TestASignalWakesBeforeTheTime(t *testing.T) {
	t.Parallel()
	everyLoop(t, func(t *testing.T, p process, loop int) {
		s := script(t, p, loop, wait(24*time.Hour), wait(24*time.Hour), wait(24*time.Hour), done)
		s.RegisterDelayedCallback(func() { s.notice("1") }, time.Hour)
		s.RegisterDelayedCallback(func() { s.notice("1") }, 2*time.Hour) // redelivered: no look
		s.RegisterDelayedCallback(func() { s.SignalWorkflow(signalNudge, nil) }, 3*time.Hour)
		if err := s.run(); err != nil {
			t.Fatal(err)
		}
		s.wantLooks(t, 0, time.Hour, 3*time.Hour, 27*time.Hour)
	})
}

// TestTheSignalThatStarts is answered by the first look; one that was seen by an
// earlier run asks for nothing.
func TestTheSignalThatStarts(t *testing.T) {
	t.Parallel()
	everyLoop(t, func(t *testing.T, p process, loop int) {
		s := script(t, p, loop, wait(time.Hour), done)
		s.RegisterDelayedCallback(func() { s.notice("1"); s.notice("2"); s.notice("old") }, 0)
		s.RegisterDelayedCallback(func() { s.notice("old"); s.notice("2") }, time.Minute)
		if err := s.run("old"); err != nil {
			t.Fatal(err)
		}
		s.wantLooks(t, 0, time.Hour)
	})
}

// TestNewsDuringALook asks for another one, also where that look saw the end.
func TestNewsDuringALook(t *testing.T) {
	t.Parallel()
	everyLoop(t, func(t *testing.T, p process, loop int) {
		var s *scripted
		s = script(t, p, loop,
			answer{Look: dispatch.Look{Wait: time.Hour}, during: func() { s.notice("1") }},
			answer{Look: dispatch.Look{Done: true}, during: func() { s.notice("2") }},
			wait(time.Hour), done)
		if err := s.run(); err != nil {
			t.Fatal(err)
		}
		s.wantLooks(t, 0, 0, 0, time.Hour)
	})
}

func TestALookThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	everyLoop(t, func(t *testing.T, p process, loop int) {
		broken := answer{err: errors.New("connection refused")}
		s := script(t, p, loop, broken, broken, broken, wait(time.Hour), done)
		if err := s.run(); err != nil {
			t.Fatal(err)
		}
		s.wantLooks(t, 0, time.Second, 3*time.Second, 7*time.Second, time.Hour+7*time.Second)
	})
}

func TestAHopelessLookEndsTheProcess(t *testing.T) {
	t.Parallel()
	everyLoop(t, func(t *testing.T, p process, loop int) {
		refused := temporal.NewNonRetryableApplicationError("workOrders/1: does not exist", string(dispatch.ReasonResourceNotFound), nil)
		s := script(t, p, loop, answer{err: refused})
		err := s.run()
		var got *temporal.ApplicationError
		if !errors.As(err, &got) || got.Type() != string(dispatch.ReasonResourceNotFound) || len(s.at) != 1 {
			t.Errorf("after %d looks: %v; want the refusal after one", len(s.at), err)
		}
	})
}

// TestALookThatIsAlwaysDue must not spin.
func TestALookThatIsAlwaysDue(t *testing.T) {
	t.Parallel()
	s := script(t, processes[0], loopInTask, wait(0), wait(-time.Hour), done)
	if err := s.run(); err != nil {
		t.Fatal(err)
	}
	s.wantLooks(t, 0, time.Second, 2*time.Second)
}

func TestALongLifeContinuesAsNew(t *testing.T) {
	t.Parallel()
	everyLoop(t, func(t *testing.T, p process, loop int) {
		s := script(t, p, loop, wait(time.Minute))
		for i := range seenPerRun + 3 {
			s.RegisterDelayedCallback(func() { s.notice(fmt.Sprint(i)) }, time.Duration(i)*time.Minute+time.Second)
		}
		err := s.run()
		var next *workflow.ContinueAsNewError
		if !errors.As(err, &next) || len(s.at) != roundsPerRun {
			t.Fatalf("after %d looks: %v; want to continue as new after %d", len(s.at), err, roundsPerRun)
		}
		if next.WorkflowType.Name != p.name {
			t.Errorf("continues as %s, want %s", next.WorkflowType.Name, p.name)
		}
		var in Watch
		if err := converter.GetDefaultDataConverter().FromPayloads(next.Input, &in); err != nil {
			t.Fatal(err)
		}
		if in.Tenant != homeTenant || in.Subject != "subject" || len(in.Seen) != seenPerRun || in.Seen[seenPerRun-1] != fmt.Sprint(seenPerRun+2) || in.Loop != loopInTask {
			t.Errorf("continues with %+v", in)
		}
	})
}

// TestHistoriesHoldNoText: what the database says may quote a row.
func TestHistoriesHoldNoText(t *testing.T) {
	t.Parallel()
	acts := &activities{}
	err := acts.verdict(t.Context(), LookAt{}, "w", errors.New(`duplicate key (email)=(ada@example.org)`))
	if err == nil || strings.Contains(err.Error(), "ada") {
		t.Errorf("got %v, want an error without the database's text", err)
	}
	err = acts.verdict(t.Context(), LookAt{}, "w", dispatch.Refuse(dispatch.ReasonTransactionConflict, "visits/1", "lost"))
	var got *temporal.ApplicationError
	if !errors.As(err, &got) || got.NonRetryable() || got.Type() != string(dispatch.ReasonTransactionConflict) {
		t.Errorf("got %v, want a refusal that is tried again", err)
	}
	err = acts.verdict(t.Context(), LookAt{}, "w", dispatch.Refuse(dispatch.ReasonZoneUnknown, "sites/1", "no such zone"))
	if !errors.As(err, &got) || !got.NonRetryable() {
		t.Errorf("got %v, want a refusal that is final", err)
	}
}
