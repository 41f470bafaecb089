package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/firstfix/firstfix/dispatch"
)

// The signals of every long process.
const (
	signalNotice = "notice" // something happened; carries Heard
	signalNudge  = "nudge"  // the wakeup is overdue; carries nothing
)

// The limits of one run, after which a process continues as new: its history
// stays short, however long it lives.
const (
	roundsPerRun = 200
	seenPerRun   = 32 // ids of notices that a redelivery is recognised by
)

// shortestSleep keeps a look that is always due from becoming a hot loop.
const shortestSleep = time.Second

// Watch is the input of every long process: ids, and what it has heard so far.
type Watch struct {
	Tenant  string
	Subject string
	Seen    []string `json:",omitempty"` // ids of the latest notices
	// Loop is the form of the loop that the run began with and keeps to its end.
	Loop int `json:",omitempty"`
}

// The forms of the loop. That of a run stands in its input and not behind a
// version marker, which would cost every process a write to the search index.
const (
	loopByActivity = 0 // every look is an activity
	loopInTask     = 1 // a short look runs within the workflow's task: see ADR 10
)

// Heard is what a notice's signal carries.
type Heard struct {
	Notice  string
	Kind    dispatch.NoticeKind
	Version int64
}

// LookAt is the input of every activity.
type LookAt struct {
	Tenant  string
	Subject string
}

// process is one kind of long process.
type process struct {
	name string // of the workflow type
	look string // of its activity
	// queue is where its workflow runs, lookQueue where its activity does.
	queue, lookQueue Queue
	// lookTime bounds one look. A look longer than a heartbeat reports that it
	// lives, so that the death of its worker shows before the time is up.
	lookTime time.Duration
	beats    bool
	// restarts says that a notice may start the process again after it has ended.
	// The others end when their row is in a final state.
	restarts bool
}

// processes are all long processes. Their names and those of their activities
// stand in histories for as long as these are kept.
var processes = []process{
	{
		name: dispatch.ProcessAppointment, look: "LookAtAppointment",
		queue: QueueInteractive, lookQueue: QueueInteractive, lookTime: 30 * time.Second,
	},
	{
		// A visit that lost its technician rests until it is planned again.
		name: dispatch.ProcessVisit, look: "LookAtVisit",
		queue: QueueInteractive, lookQueue: QueueInteractive, lookTime: 30 * time.Second, restarts: true,
	},
	{
		// A day without visits rests until it gets one.
		name: dispatch.ProcessPlanDay, look: "LookAtDay",
		queue: QueueInteractive, lookQueue: QueueSolving, lookTime: 10 * time.Minute, beats: true, restarts: true,
	},
	{
		name: dispatch.ProcessFixWindow, look: "LookAtFixWindow",
		queue: QueueLong, lookQueue: QueueLong, lookTime: 30 * time.Second,
	},
	{
		// A referral that no desk's clock goes for rests once it is accepted; others when they end.
		name: dispatch.ProcessReferral, look: "LookAtReferral",
		queue: QueueInteractive, lookQueue: QueueInteractive, lookTime: 30 * time.Second,
	},
	{
		// A list that nobody waits on rests. Going through a long one takes its time.
		name: dispatch.ProcessWaitlist, look: "LookAtWaitlist",
		queue: QueueInteractive, lookQueue: QueueSolving, lookTime: 10 * time.Minute, beats: true, restarts: true,
	},
	{
		// A sale may change long after all was paid.
		name: dispatch.ProcessSale, look: "LookAtSale",
		queue: QueueLong, lookQueue: QueueLong, lookTime: 30 * time.Second, restarts: true,
	},
}

// processNamed finds a process by the name of its workflow type.
func processNamed(name string) (process, bool) {
	i := slices.IndexFunc(processes, func(p process) bool { return p.name == name })
	if i < 0 {
		return process{}, false
	}
	return processes[i], true
}

// heartbeat is how long a worker may be silent during a look that beats.
const heartbeat = 30 * time.Second

// looking gives the function that asks for a look. A look on the queue of its
// workflow is a short transaction and runs within the workflow's task, which
// spares Temporal the scheduling of an activity; one on another queue is an
// activity there.
func (p process) looking(ctx workflow.Context, home Installation, loop int) func(LookAt) workflow.Future {
	if loop >= loopInTask && p.lookQueue == p.queue {
		ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: p.lookTime, RetryPolicy: untilItSucceeds()})
		return func(at LookAt) workflow.Future { return workflow.ExecuteLocalActivity(ctx, p.look, at) }
	}
	ctx = workflow.WithActivityOptions(ctx, p.activityOptions(home))
	return func(at LookAt) workflow.Future { return workflow.ExecuteActivity(ctx, p.look, at) }
}

func (p process) activityOptions(home Installation) workflow.ActivityOptions {
	options := workflow.ActivityOptions{TaskQueue: home.queue(p.lookQueue), StartToCloseTimeout: p.lookTime, RetryPolicy: untilItSucceeds()}
	if p.beats {
		options.HeartbeatTimeout = heartbeat
	}
	return options
}

// untilItSucceeds: a look is tried again and again, since nothing else will do
// what is due. What no try can change is marked by the activity itself.
func untilItSucceeds() *temporal.RetryPolicy {
	return &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute}
}

// workflow gives the function to register under the process's name.
func (p process) workflow(home Installation) func(workflow.Context, Watch) error {
	return func(ctx workflow.Context, in Watch) error { return watch(ctx, p, home, in) }
}

// watch is the one loop of all long processes: look, sleep until the time that
// the look named or until a signal, look again; until a look says that nothing
// can be due any more.
//
// A signal that comes before a look begins is answered by it, since the rows
// were committed before the signal was sent; one that comes later asks for
// another look.
func watch(ctx workflow.Context, p process, home Installation, in Watch) error {
	ears := newEars(ctx, in.Seen)
	look := p.looking(ctx, home, in.Loop)
	for round := 1; ; round++ {
		ears.drain()
		var answer dispatch.Look
		if err := look(LookAt{Tenant: in.Tenant, Subject: in.Subject}).Get(ctx, &answer); err != nil {
			return err
		}
		again := ears.drain()
		if answer.Done && !again {
			return nil
		}
		if round >= roundsPerRun || workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			in.Seen, in.Loop = ears.seen, loopInTask
			return workflow.NewContinueAsNewError(ctx, p.name, in)
		}
		if again {
			continue
		}
		if err := ears.sleep(ctx, max(answer.Wait, shortestSleep)); err != nil {
			return err
		}
	}
}

// ears hear the signals of one run.
type ears struct {
	notices, nudges workflow.ReceiveChannel
	seen            []string
}

func newEars(ctx workflow.Context, seen []string) *ears {
	return &ears{
		notices: workflow.GetSignalChannel(ctx, signalNotice),
		nudges:  workflow.GetSignalChannel(ctx, signalNudge),
		seen:    seen,
	}
}

// drain takes all signals that wait and reports whether one of them was news.
func (e *ears) drain() bool {
	news := false
	var heard Heard
	for e.notices.ReceiveAsync(&heard) {
		news = e.isNew(heard) || news
	}
	for e.nudges.ReceiveAsync(nil) {
		news = true
	}
	return news
}

// isNew remembers the notice. One that was seen is a redelivery: its look was
// made.
func (e *ears) isNew(h Heard) bool {
	if slices.Contains(e.seen, h.Notice) {
		return false
	}
	e.seen = append(e.seen, h.Notice)
	if len(e.seen) > seenPerRun {
		e.seen = e.seen[len(e.seen)-seenPerRun:]
	}
	return true
}

// sleep waits for the time to pass or for news.
func (e *ears) sleep(ctx workflow.Context, wait time.Duration) error {
	timing, stop := workflow.WithCancel(ctx)
	defer stop()
	awake := false
	var heard Heard
	selector := workflow.NewSelector(ctx).
		AddFuture(workflow.NewTimer(timing, wait), func(workflow.Future) { awake = true }).
		AddReceive(e.notices, func(c workflow.ReceiveChannel, _ bool) {
			c.Receive(ctx, &heard)
			awake = e.isNew(heard)
		}).
		AddReceive(e.nudges, func(c workflow.ReceiveChannel, _ bool) {
			c.Receive(ctx, nil)
			awake = true
		}).
		AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) { awake = true })
	for !awake {
		selector.Select(ctx)
	}
	return ctx.Err()
}
