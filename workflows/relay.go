package workflows

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/firstfix/firstfix/dispatch"
)

// The limits of a relay. A batch ends well within its lease also when every
// signal takes its full time.
const (
	relayBatch = 100
	relayWidth = 16 // signals at once
	bulkWidth  = 4  // and of those that nobody waits for
	relayLease = 60 * time.Second
	// Temporal keeps a signal that it has taken, so a look that was asked for comes
	// in its turn. Only where Temporal's store is lost it has to be asked for again.
	askLease    = 10 * time.Minute
	signalTime  = 5 * time.Second
	firstRetry  = time.Second
	latestRetry = 10 * time.Minute
	outageRetry = time.Second
)

// RelayOptions are what a relay needs.
type RelayOptions struct {
	Store        dispatch.RelayStore
	Temporal     client.Client
	Installation Installation
	// Spoilt gives the provisional episodes of fix windows that a newly opened work
	// order may spoil.
	Spoilt func(ctx context.Context, tenant dispatch.TenantID, opened dispatch.WorkOrderID) ([]dispatch.FixEpisode, error)
	// WakeupGrace is how long a workflow's own timer has before it is nudged.
	WakeupGrace time.Duration
	Log         *slog.Logger
}

// Relay carries notices from the database to the workflows and nudges those
// whose wakeups are overdue. Any number of relays may run.
//
// A notice is delivered at least once and in the order of its subject. It is
// marked only after Temporal has taken the signal, by the relay whose lease it
// has; and before the signal the wakeup row says that a look was asked for, so
// that a workflow which Temporal takes and loses is found by its row.
type Relay struct {
	RelayOptions
}

// NewRelay makes a relay.
func NewRelay(options RelayOptions) *Relay { return &Relay{options} }

// Run relays what the pulse finds until ctx is done. Notices, those in bulk, and
// wakeups do not wait for each other.
func (r *Relay) Run(ctx context.Context, pulse *Pulse) {
	var loops sync.WaitGroup
	loops.Go(func() { pulse.loop(ctx, dispatch.DueNotices, "notices", r.Deliver) })
	loops.Go(func() { pulse.loop(ctx, dispatch.DueBulk, "notices in bulk", r.DeliverBulk) })
	loops.Go(func() { pulse.loop(ctx, dispatch.DueWakeups, "wakeups", r.Nudge) })
	loops.Wait()
}

// parcel is a notice on its way to the processes that must hear of it.
type parcel struct {
	dispatch.LeasedNotice
	to  []dispatch.Wakeup
	err error // why it could not be delivered
	// ended are those of to that will never look again.
	ended []dispatch.Wakeup
}

// Deliver delivers one batch of notices and gives how many arrived. It fails
// when Temporal or the database does not answer.
func (r *Relay) Deliver(ctx context.Context) (int, error) { return r.deliver(ctx, false, relayWidth) }

// DeliverBulk is Deliver for the notices that come by the thousand.
func (r *Relay) DeliverBulk(ctx context.Context) (int, error) { return r.deliver(ctx, true, bulkWidth) }

func (r *Relay) deliver(ctx context.Context, bulk bool, width int) (int, error) {
	claimed, err := r.Store.ClaimNotices(ctx, bulk, relayBatch, relayLease)
	if err != nil || len(claimed) == 0 {
		return 0, err
	}
	parcels := make([]*parcel, len(claimed))
	var asked []dispatch.Wakeup
	for i, notice := range claimed {
		parcels[i] = &parcel{LeasedNotice: notice}
		parcels[i].to, parcels[i].err = r.watchers(ctx, notice.Notice)
		asked = append(asked, parcels[i].to...)
	}
	if len(asked) > 0 {
		if err := r.Store.AskLooks(ctx, asked, askLease); err != nil {
			return 0, fmt.Errorf("ask for looks: %w", err) // the leases end by themselves
		}
	}
	outage := r.signalAll(ctx, parcels, width)
	return r.settle(ctx, parcels, outage)
}

// watchers are the processes that must hear of a notice.
func (r *Relay) watchers(ctx context.Context, n dispatch.Notice) ([]dispatch.Wakeup, error) {
	if n.Kind != dispatch.NoticeWorkOrderOpened {
		return n.Watchers()
	}
	var opened dispatch.WorkOrderID
	if err := parseName(n.Subject, &opened); err != nil {
		return nil, err
	}
	episodes, err := r.Spoilt(ctx, n.Tenant, opened)
	if err != nil {
		return nil, fmt.Errorf("find the fix windows that %s may spoil: %w", n.Subject, err)
	}
	var out []dispatch.Wakeup
	for _, e := range episodes {
		out = append(out, dispatch.WatchFixWindow(n.Tenant, e.WorkOrder, e.Episode))
	}
	return out, nil
}

// signalAll sends all signals, some at once, until one fails because Temporal is
// away: the rest would fail too. It gives that failure.
func (r *Relay) signalAll(ctx context.Context, parcels []*parcel, width int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(width)
	for _, p := range parcels {
		if p.err != nil {
			continue
		}
		group.Go(func() error {
			p.err = r.signalOne(ctx, p)
			if isOutage(p.err) {
				return p.err
			}
			return nil
		})
	}
	return group.Wait()
}

func (r *Relay) signalOne(ctx context.Context, p *parcel) error {
	heard := Heard{Notice: p.ID.String(), Kind: p.Kind, Version: p.Version}
	for _, w := range p.to {
		proc, ok := processNamed(w.Kind)
		if !ok {
			return fmt.Errorf("no process is named %.60q", w.Kind)
		}
		policy := enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY
		if proc.restarts {
			policy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
		}
		err := r.signal(ctx, w, proc, policy, signalNotice, heard)
		if over := (*serviceerror.WorkflowExecutionAlreadyStarted)(nil); errors.As(err, &over) {
			p.ended = append(p.ended, w) // its row is in a final state: nothing to hear
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// signal starts the workflow of a wakeup if it does not run, and signals it.
func (r *Relay) signal(ctx context.Context, w dispatch.Wakeup, p process, policy enumspb.WorkflowIdReusePolicy, name string, arg any) error {
	ctx, cancel := context.WithTimeout(ctx, signalTime)
	defer cancel()
	_, err := r.Temporal.SignalWithStartWorkflow(ctx, w.Workflow, name, arg, client.StartWorkflowOptions{
		TaskQueue:                r.Installation.queue(p.queue),
		WorkflowIDReusePolicy:    policy,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}, p.name, Watch{Tenant: w.Tenant.String(), Subject: w.Subject, Loop: loopInTask})
	return err
}

// settle writes what became of the parcels. What did not arrive is put back: by
// an outage for a moment, since the loop itself waits; by a fault of its own for
// ever longer, while the notices behind it wait.
func (r *Relay) settle(ctx context.Context, parcels []*parcel, outage error) (int, error) {
	var done, back []dispatch.LeasedNotice
	var ended []dispatch.Wakeup
	for _, p := range parcels {
		if p.err == nil {
			done, ended = append(done, p.LeasedNotice), append(ended, p.ended...)
			continue
		}
		p.LastError, p.RetryIn = clip(p.err.Error()), outageRetry
		if !isOutage(p.err) {
			p.RetryIn = dispatch.Backoff(firstRetry, latestRetry, p.Attempts)
			r.Log.ErrorContext(ctx, "notice could not be delivered", "notice", p.ID, "tenant", p.Tenant, "kind", p.Kind,
				"attempts", p.Attempts, "again_in", p.RetryIn, "error", p.err)
		}
		back = append(back, p.LeasedNotice)
	}
	// What was signalled is marked also while the worker stops.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), signalTime)
	defer cancel()
	n, err := r.mark(ctx, done, ended, back)
	if err == nil && outage != nil {
		err = fmt.Errorf("temporal does not take signals: %w", outage)
	}
	return n, err
}

func (r *Relay) mark(ctx context.Context, done []dispatch.LeasedNotice, ended []dispatch.Wakeup, back []dispatch.LeasedNotice) (n int, err error) {
	if len(done) > 0 {
		n, err = r.Store.MarkDelivered(ctx, done)
	}
	if err == nil && len(ended) > 0 {
		err = r.Store.ForgetLooks(ctx, ended)
	}
	if err == nil && len(back) > 0 {
		err = r.Store.PostponeNotices(ctx, back)
	}
	return n, err
}

// Nudge wakes the workflows of overdue wakeups, starting those that are not
// there, and gives how many. One that is asked for by a row is started also
// where its process had ended: the row knows better.
func (r *Relay) Nudge(ctx context.Context) (int, error) {
	overdue, err := r.Store.ClaimWakeups(ctx, relayBatch, r.WakeupGrace, nudgeLease)
	if err != nil || len(overdue) == 0 {
		return 0, err
	}
	group, nudging := errgroup.WithContext(ctx)
	group.SetLimit(relayWidth)
	for _, w := range overdue {
		group.Go(func() error {
			proc, ok := processNamed(w.Kind)
			if !ok {
				r.Log.ErrorContext(ctx, "wakeup of an unknown process", "workflow_id", w.Workflow, "process", w.Kind)
				return nil
			}
			err := r.signal(nudging, w, proc, enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, signalNudge, nil)
			if err != nil && !isOutage(err) {
				r.Log.ErrorContext(ctx, "workflow could not be nudged", "workflow_id", w.Workflow, "error", err)
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, errors.Join(fmt.Errorf("temporal does not take signals: %w", err), r.Store.ReleaseWakeups(context.WithoutCancel(ctx), overdue))
	}
	return len(overdue), nil
}

// nudgeLease is how long a nudged workflow has for its look before it is nudged
// again; it doubles each time.
const nudgeLease = 30 * time.Second

// isOutage reports whether Temporal is away or refuses everybody, and not this
// signal.
func isOutage(err error) bool {
	var unavailable *serviceerror.Unavailable
	var late *serviceerror.DeadlineExceeded
	var exhausted *serviceerror.ResourceExhausted
	var lost *serviceerror.NamespaceNotFound
	var cancelled *serviceerror.Canceled
	return errors.As(err, &unavailable) || errors.As(err, &late) || errors.As(err, &exhausted) || errors.As(err, &lost) ||
		errors.As(err, &cancelled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// clip keeps what an error says short enough for a row.
func clip(text string) string {
	const most = 500
	if len(text) > most {
		return text[:most]
	}
	return text
}

// parseName reads a resource name into an id of its kind.
func parseName[K dispatch.Kind](name string, into *dispatch.ID[K]) error {
	id, err := dispatch.ParseName[K](name)
	*into = id
	return err
}
