package dispatch

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// WorkflowTx keeps the due rows of sleeping workflows and what became of
// deliveries.
type WorkflowTx interface {
	// SetWakeup writes or moves the wakeup of a workflow. It answers what was
	// asked before its transaction began; a look asked for since then stays due.
	SetWakeup(ctx context.Context, w Wakeup) error
	// ClearWakeup removes it; that there is none is fine, and one with a look
	// asked for since the transaction began stays.
	ClearWakeup(ctx context.Context, workflow string) error
	// SettleDelivery writes state, reason, receipt and due time of a delivery
	// that d.Lease holds. held is false if another sender has taken it over
	// meanwhile: then nothing was written.
	SettleDelivery(ctx context.Context, d Delivery) (held bool, err error)
}

// RelayStore is the store as the loops of a worker need it, before a tenant is
// known: claims across tenants, of due rows only. Leases and the retention of
// what is trimmed are on the real clock, due times on the domain's.
type RelayStore interface {
	// ClaimNotices takes the oldest undelivered notice of up to limit subjects
	// for the length of the lease, oldest first. Notices behind a subject's
	// oldest wait, also while that one is leased, so that order holds. Notices of
	// work orders come in bulk and nobody waits for what they start: they have a
	// queue of their own, bulk, and the others do not wait behind them.
	ClaimNotices(ctx context.Context, bulk bool, limit int, lease time.Duration) ([]LeasedNotice, error)
	// AskLooks notes that the workflows of these wakeups have to look at their
	// rows, whatever their due times, and are being told so until the lease
	// ends: then ClaimWakeups gives them.
	AskLooks(ctx context.Context, asked []Wakeup, lease time.Duration) error
	// ForgetLooks removes wakeups of workflows that have ended for ever.
	ForgetLooks(ctx context.Context, ended []Wakeup) error
	// MarkDelivered ends the notices that their leases still hold and gives how
	// many that were; a relay that lost its lease marks nothing.
	MarkDelivered(ctx context.Context, notices []LeasedNotice) (int, error)
	// PostponeNotices gives up the leases and keeps each notice's LastError;
	// the notice can be claimed again after its RetryIn.
	PostponeNotices(ctx context.Context, notices []LeasedNotice) error
	// ClaimWakeups takes up to limit wakeups that are overdue by more than grace
	// or that were asked for and not answered while their lease ran. The lease
	// doubles with every claim that changed nothing, up to 128 times its length:
	// who is slow because of too much work is not given more of it.
	ClaimWakeups(ctx context.Context, limit int, grace, lease time.Duration) ([]Wakeup, error)
	// ReleaseWakeups undoes a claim, because nobody could be nudged.
	ReleaseWakeups(ctx context.Context, wakeups []Wakeup) error
	// ClaimDeliveries takes up to limit due deliveries of a channel and counts an
	// attempt of each.
	ClaimDeliveries(ctx context.Context, channel Channel, limit int, lease time.Duration) ([]LeasedDelivery, error)
	// ClaimWebhooks takes up to limit due webhook deliveries and counts an attempt of
	// each: of every enabled endpoint that does not rest, as many as bring it to
	// WebhooksPerEndpoint under way, so that one that hangs holds up no other.
	ClaimWebhooks(ctx context.Context, limit int, lease time.Duration) ([]LeasedWebhookDelivery, error)
	// WhatIsDue gives the kinds of work of which there is some, wakeups only where
	// they are overdue by more than grace. What others hold a lease on is not due.
	WhatIsDue(ctx context.Context, grace time.Duration) ([]Due, error)
	// OverdueHolds gives holds that nobody released after their time.
	OverdueHolds(ctx context.Context, limit int) ([]OverdueHold, error)
	// Trim deletes up to limit idempotency keys, delivered notices and webhook
	// deliveries that were delivered or given up, each older than its retention, and
	// gives how many of all.
	Trim(ctx context.Context, limit int, keep Retention) (int, error)
	// Backlog counts what is due and not done yet.
	Backlog(ctx context.Context) (Backlog, error)
}

// Retention is how long rows are kept that nothing needs any more: keys and notices by
// the real clock, webhook deliveries in domain time.
type Retention struct {
	Requests time.Duration
	Notices  time.Duration
	Webhooks time.Duration
}

// LeasedNotice is a notice in the hands of one relay.
type LeasedNotice struct {
	Notice
	Lease    uuid.UUID
	Attempts int // with this one
	// LastError and RetryIn say why it is put back and for how long.
	LastError string
	RetryIn   time.Duration
}

// LeasedDelivery is a delivery in the hands of one sender, which its Lease
// names.
type LeasedDelivery struct {
	Tenant TenantID
	Delivery
}

// Due is a kind of work that the loops of a worker do.
type Due string

// The kinds.
const (
	DueNotices  Due = "notices"
	DueBulk     Due = "bulk" // notices that come by the thousand
	DueWakeups  Due = "wakeups"
	DueMail     Due = "mail"
	DueText     Due = "text"
	DueHolds    Due = "holds"
	DueWebhooks Due = "webhooks"
)

// AllDue gives all kinds.
func AllDue() []Due {
	return []Due{DueNotices, DueBulk, DueWakeups, DueMail, DueText, DueHolds, DueWebhooks}
}

// OverdueHold names a hold whose time is over.
type OverdueHold struct {
	Tenant TenantID
	Hold   HoldID
}

// Backlog is what is due and not done yet, over all tenants. A replay moves the
// clock when it is zero; an operator watches that it does not grow.
type Backlog struct {
	Notices    int // not delivered
	Looks      int // workflows that are due or were asked to look
	Deliveries int // messages and webhooks, pending and due
	Holds      int // overdue and not released
}

// IsZero reports whether nothing is due.
func (b Backlog) IsZero() bool { return b == Backlog{} }
