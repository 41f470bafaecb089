package workflows

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/firstfix/firstfix/dispatch"
)

// record is given when a process has changed: the histories of the new behaviour
// are added under that name, and those that are there stay for ever.
var record = flag.String("record", "", "name under which TestRecordedNow adds its histories to testdata, e.g. 002-escalation")

const histories = "testdata/histories"

func replay(t *testing.T, h *historypb.History, register func(worker.WorkflowReplayer)) error {
	t.Helper()
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	register(replayer)
	return replayer.ReplayWorkflowHistory(quiet, h)
}

// ours registers the processes as they are.
func ours(r worker.WorkflowReplayer) {
	for _, p := range processes {
		p.register(r, "firstfix")
	}
}

func readHistory(t *testing.T, path string) *historypb.History {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var h historypb.History
	if err := protojson.Unmarshal(text, &h); err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
	return &h
}

// recorded are the files of all histories of a process.
func recorded(t *testing.T, name string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(histories, "*", name+".json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no recorded history in %s: %v", name, histories, err)
	}
	return files
}

// TestRecordedHistoriesReplay: a process that began under an earlier build goes on
// under this one.
func TestRecordedHistoriesReplay(t *testing.T) {
	t.Parallel()
	everyProcess(t, func(t *testing.T, p process) {
		for _, file := range recorded(t, p.name) {
			if err := replay(t, readHistory(t, file), ours); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	})
}

// TestReplayCatchesAnotherLoop: what a careless change would be is found by the
// histories and not in production.
func TestReplayCatchesAnotherLoop(t *testing.T) {
	t.Parallel()
	careless := map[string]func(ctx workflow.Context, p process, in Watch) error{
		"sleeps before it looks": func(ctx workflow.Context, p process, in Watch) error {
			if err := workflow.Sleep(ctx, time.Second); err != nil {
				return err
			}
			return watch(ctx, p, "firstfix", in)
		},
		"looks with another activity": func(ctx workflow.Context, p process, in Watch) error {
			p.look += "Again"
			return watch(ctx, p, "firstfix", in)
		},
		"ends after its first look": func(ctx workflow.Context, p process, in Watch) error {
			look := workflow.WithActivityOptions(ctx, p.activityOptions("firstfix"))
			return workflow.ExecuteActivity(look, p.look, in).Get(ctx, nil)
		},
	}
	everyProcess(t, func(t *testing.T, p process) {
		for change, variant := range careless {
			for _, file := range recorded(t, p.name) {
				err := replay(t, readHistory(t, file), func(r worker.WorkflowReplayer) {
					r.RegisterWorkflowWithOptions(func(ctx workflow.Context, in Watch) error { return variant(ctx, p, in) },
						workflow.RegisterOptions{Name: p.name})
				})
				if err == nil {
					t.Errorf("%s: a process that %s was not caught", file, change)
				}
			}
		}
	})
}

// TestRecordedNow lets the real server write a history of each process: started
// by a notice, woken by another, by its timer and by a nudge, with a look that
// failed once and one that was overtaken by news. The histories replay and, with
// -record, are kept.
func TestRecordedNow(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	var rounds counter
	r := s.relay(t, temporalAddress(t))
	look := func(ctx context.Context, w dispatch.Wakeup) (dispatch.Look, error) {
		switch rounds.next(w.Workflow) {
		case 1: // until the notice
			return dispatch.Look{Wait: time.Hour}, nil
		case 2:
			return dispatch.Look{}, errors.New("the database is away")
		case 3: // until the timer
			return dispatch.Look{Wait: time.Second}, nil
		case 4: // until the nudge
			return dispatch.Look{Wait: 30 * 24 * time.Hour}, nil
		case 5: // overtaken by news
			return dispatch.Look{Done: true}, r.say(ctx, w, 3)
		default:
			return dispatch.Look{Done: true}, nil
		}
	}
	s.work(t, Looks{
		Appointment: func(ctx context.Context, t dispatch.TenantID, id dispatch.AppointmentID) (dispatch.Look, error) {
			return look(ctx, dispatch.WatchAppointment(t, id))
		},
		Visit: func(ctx context.Context, t dispatch.TenantID, id dispatch.VisitID) (dispatch.Look, error) {
			return look(ctx, dispatch.WatchVisit(t, id))
		},
		Day: func(ctx context.Context, t dispatch.TenantID, area dispatch.PlanningAreaID, day dispatch.Date) (dispatch.Look, error) {
			return look(ctx, dispatch.WatchDay(t, area, day))
		},
		FixWindow: func(ctx context.Context, t dispatch.TenantID, id dispatch.WorkOrderID, episode int) (dispatch.Look, error) {
			return look(ctx, dispatch.WatchFixWindow(t, id, episode))
		},
		Referral: func(ctx context.Context, t dispatch.TenantID, id dispatch.ReferralID) (dispatch.Look, error) {
			return look(ctx, dispatch.WatchReferral(t, id))
		},
		Sale: func(ctx context.Context, t dispatch.TenantID, id dispatch.ReferralID) (dispatch.Look, error) {
			return look(ctx, dispatch.WatchSale(t, id))
		},
		Waitlist: func(ctx context.Context, t dispatch.TenantID, area dispatch.PlanningAreaID) (dispatch.Look, error) {
			return look(ctx, dispatch.WatchWaitlist(t, area))
		},
	}, "a")
	for _, w := range []dispatch.Wakeup{
		dispatch.WatchAppointment(s.tenant, dispatch.AppointmentID{UUID: id(1)}),
		dispatch.WatchVisit(s.tenant, dispatch.VisitID{UUID: id(1)}),
		dispatch.WatchDay(s.tenant, "boston", dispatch.Date{Year: 2011, Month: time.November, Day: 6}),
		dispatch.WatchFixWindow(s.tenant, dispatch.WorkOrderID{UUID: id(1)}, 1),
		dispatch.WatchReferral(s.tenant, dispatch.ReferralID{UUID: id(1)}),
		dispatch.WatchSale(s.tenant, dispatch.ReferralID{UUID: id(1)}),
		dispatch.WatchWaitlist(s.tenant, "boston"),
	} {
		t.Run(w.Kind, func(t *testing.T) {
			for _, version := range []int{1, 2} {
				if err := r.say(t.Context(), w, version); err != nil {
					t.Fatal(err)
				}
				eventually(t, "the look after a notice", func() bool { return rounds.of(w.Workflow) >= version })
			}
			eventually(t, "the look after the timer", func() bool { return rounds.of(w.Workflow) == 4 })
			p, _ := processNamed(w.Kind)
			if err := r.signal(t.Context(), w, p, enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, signalNudge, nil); err != nil {
				t.Fatal(err)
			}
			if err := r.Temporal.GetWorkflow(t.Context(), w.Workflow, "").Get(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			h := s.history(t, r.Temporal, w.Workflow)
			if err := replay(t, h, ours); err != nil {
				t.Errorf("what was just recorded does not replay: %v", err)
			}
			if *record != "" {
				keep(t, h, filepath.Join(histories, *record, w.Kind+".json"))
			}
		})
	}
}

// say sends the notice of a version straight to a process.
func (r *Relay) say(ctx context.Context, w dispatch.Wakeup, version int) error {
	p, _ := processNamed(w.Kind)
	heard := Heard{Notice: id(version).String(), Kind: "test", Version: int64(version)}
	return r.signal(ctx, w, p, enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, signalNotice, heard)
}

// history reads a history without what belongs to this machine and this test.
func (s *stage) history(t *testing.T, c client.Client, workflowID string) *historypb.History {
	t.Helper()
	var h historypb.History
	events := c.GetWorkflowHistory(t.Context(), workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			t.Fatal(err)
		}
		if queue := event.GetWorkflowTaskScheduledEventAttributes().GetTaskQueue(); queue.GetKind() == enumspb.TASK_QUEUE_KIND_STICKY {
			queue.Name = "sticky" // it names the host
		}
		h.Events = append(h.Events, event)
	}
	text, err := protojson.Marshal(&h)
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.ReplaceAll(string(text), string(s.home), "firstfix")
	if host, err := os.Hostname(); err != nil || strings.Contains(plain, `"`+host+":") {
		t.Errorf("the history names the host %q, %v", host, err)
	}
	h.Reset()
	if err := protojson.Unmarshal([]byte(plain), &h); err != nil {
		t.Fatal(err)
	}
	return &h
}

// keep writes a history that is not there yet.
func keep(t *testing.T, h *historypb.History, path string) {
	t.Helper()
	text, err := protojson.MarshalOptions{Multiline: true, Indent: " "}.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		t.Fatalf("recorded histories are never replaced: %v", err)
	}
	defer file.Close()
	if _, err := file.Write(slices.Concat(text, []byte("\n"))); err != nil {
		t.Fatal(err)
	}
}
