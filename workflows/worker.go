package workflows

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/firstfix/firstfix/dispatch"
)

// WorkersOptions are what the Temporal workers of a process need.
type WorkersOptions struct {
	Temporal     client.Client
	Store        dispatch.Store
	Looks        Looks
	Installation Installation
	// BuildID names this build among the versions of the installation's workers.
	BuildID string
	// Promote makes this build the current one as soon as it polls: new and
	// waiting work comes to it. Without it, an operator does.
	Promote bool
	// SolvingSlots is how many plans are made at once; one per core.
	SolvingSlots int
	// StopTime is how long looks under way may take once the worker stops.
	StopTime time.Duration
	Log      *slog.Logger
}

// Workers are the Temporal workers of one process, one per task queue.
type Workers struct {
	WorkersOptions
}

// cachedWorkflows bounds, for the whole process, the memory that sleeping
// workflows take: about 30 kB each. The others are read again from their
// histories when they wake.
const cachedWorkflows = 1000

// NewWorkers makes workers. They poll once Run runs.
func NewWorkers(options WorkersOptions) *Workers {
	worker.SetStickyWorkflowCacheSize(cachedWorkflows)
	return &Workers{options}
}

// A Temporal server that is away is asked for again and again.
const (
	startRetry  = 500 * time.Millisecond
	latestStart = 15 * time.Second
)

// Run polls until ctx is done, then lets looks under way finish. It starts the
// workers again, with patience, when Temporal is away or they fail.
func (w *Workers) Run(ctx context.Context) {
	for attempt := 1; ctx.Err() == nil; attempt++ {
		begun := time.Now()
		err := w.runOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(begun) > time.Minute {
			attempt = 1
		}
		again := dispatch.Backoff(startRetry, latestStart, attempt)
		w.Log.WarnContext(ctx, "temporal workers do not run and will start again", "again_in", again, "error", err)
		pause(ctx, again)
	}
}

// runOnce starts all workers and blocks until ctx is done or one of them fails.
func (w *Workers) runOnce(ctx context.Context) error {
	fatal := make(chan error, 1)
	var running []worker.Worker
	defer func() {
		var stopping sync.WaitGroup
		for _, each := range running {
			stopping.Go(each.Stop)
		}
		stopping.Wait()
	}()
	for _, each := range w.workers(fatal) {
		if err := each.Start(); err != nil {
			return fmt.Errorf("start a worker: %w", err)
		}
		running = append(running, each)
	}
	w.Log.InfoContext(ctx, "temporal workers poll", "installation", w.Installation, "build_id", w.BuildID)
	promoting, stop := context.WithCancel(ctx)
	promoted := make(chan struct{})
	go func() { defer close(promoted); w.promote(promoting) }()
	defer func() { stop(); <-promoted }()
	select {
	case <-ctx.Done():
		return nil
	case err := <-fatal:
		return err
	}
}

// workers makes one worker per task queue; each reports its death to fatal.
func (w *Workers) workers(fatal chan<- error) []worker.Worker {
	acts := (&activities{looks: w.Looks, store: w.Store, log: w.Log}).functions()
	var out []worker.Worker
	for _, queue := range []Queue{QueueInteractive, QueueSolving, QueueLong} {
		options := w.options(queue, fatal)
		each := worker.New(w.Temporal, w.Installation.queue(queue), options)
		register(each, queue, w.Installation, acts)
		out = append(out, each)
	}
	return out
}

// The workers of interactive work and of fix windows spend their time in the
// database: their activities are bounded by its connections, not by cores.
const (
	interactiveSlots = 20
	longSlots        = 5
)

// deadlockTime is how long the loop may take for one step, which takes
// microseconds; a machine that is short of processors is no deadlock.
const deadlockTime = 10 * time.Second

func (w *Workers) options(queue Queue, fatal chan<- error) worker.Options {
	options := worker.Options{
		WorkerStopTimeout:        w.StopTime,
		DeadlockDetectionTimeout: deadlockTime,
		DeploymentOptions: worker.DeploymentOptions{
			UseVersioning: true,
			Version:       worker.WorkerDeploymentVersion{DeploymentName: string(w.Installation), BuildID: w.BuildID},
			// A workflow type that says nothing is short and ends where it began.
			DefaultVersioningBehavior: workflow.VersioningBehaviorPinned,
		},
		OnFatalError: func(err error) {
			select {
			case fatal <- err:
			default:
			}
		},
	}
	switch queue {
	case QueueInteractive:
		options.MaxConcurrentActivityExecutionSize, options.MaxConcurrentLocalActivityExecutionSize = interactiveSlots, interactiveSlots
	case QueueSolving:
		options.MaxConcurrentActivityExecutionSize = max(w.SolvingSlots, 1)
		options.DisableWorkflowWorker = true
	case QueueLong:
		options.MaxConcurrentActivityExecutionSize, options.MaxConcurrentLocalActivityExecutionSize = longSlots, longSlots
	}
	return options
}

// registry is what processes are registered with: a worker, or a replayer.
type registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}

// register gives a worker the workflows and activities of its queue.
func register(each worker.Registry, queue Queue, home Installation, acts map[string]func(context.Context, LookAt) (dispatch.Look, error)) {
	for _, p := range processes {
		if p.queue == queue {
			p.register(each, home)
		}
		if p.lookQueue == queue {
			each.RegisterActivityWithOptions(acts[p.look], activity.RegisterOptions{Name: p.look})
		}
	}
}

// register names the workflow. Every process lives for days or weeks, longer
// than an old build is kept running, so each goes on with the current build; the
// histories in testdata prove that it can.
func (p process) register(r registry, home Installation) {
	r.RegisterWorkflowWithOptions(p.workflow(home), workflow.RegisterOptions{
		Name:               p.name,
		VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
	})
}

const promoteTime = 5 * time.Second

// insistAfter is when a build makes itself current again. The promotion of
// another one that was killed or cut off may arrive after ours; without an answer
// to it, all work would wait for a build that does not run. Of two builds that
// run, the one that came later has the last word.
var insistAfter = []time.Duration{0, 5 * time.Second, 15 * time.Second, 40 * time.Second}

// promote makes this build the current version of the deployment. A build that
// was rolled back to does the same and takes the work back.
func (w *Workers) promote(ctx context.Context) {
	if !w.Promote {
		return
	}
	for _, after := range insistAfter {
		pause(ctx, after)
		w.becomeCurrent(ctx)
	}
}

// becomeCurrent tries until it succeeds: the server learns of a version by its
// polls, so it refuses for a moment.
func (w *Workers) becomeCurrent(ctx context.Context) {
	for attempt := 1; ctx.Err() == nil; attempt++ {
		err := w.setCurrent(ctx)
		if err == nil {
			w.Log.InfoContext(ctx, "build is the current version", "installation", w.Installation, "build_id", w.BuildID)
			return
		}
		if attempt%10 == 0 {
			w.Log.WarnContext(ctx, "build is not the current version yet", "build_id", w.BuildID, "error", err)
		}
		pause(ctx, dispatch.Backoff(50*time.Millisecond, 2*time.Second, attempt))
	}
}

// setCurrent asks the server once. A worker that stops waits for the answer, so
// as not to leave behind a promotion that arrives when it is gone.
func (w *Workers) setCurrent(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), promoteTime)
	defer cancel()
	handle := w.Temporal.WorkerDeploymentClient().GetHandle(string(w.Installation))
	_, err := handle.SetCurrentVersion(ctx, client.WorkerDeploymentSetCurrentVersionOptions{BuildID: w.BuildID})
	return err
}

// BinaryBuildID names the running program by its content, so that two builds
// never share a name and one build has the same name everywhere.
func BinaryBuildID() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the running program: %w", err)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read the running program: %w", err)
	}
	hash := sha256.New()
	_, err = io.Copy(hash, file)
	if err := errors.Join(err, file.Close()); err != nil {
		return "", fmt.Errorf("read the running program: %w", err)
	}
	id := hex.EncodeToString(hash.Sum(nil)[:8])
	if revision := revision(); revision != "" {
		id = revision + "-" + id
	}
	return id, nil
}

// revision is the commit that the program was built from, for people to read.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return ""
}
