package dispatch

import "slices"

// Machine is the table of allowed moves of one kind of entity, in the order of a
// usual life. It is the only writer of states: whoever changes one asks Check or
// Route first.
type Machine[S ~string] struct {
	Entity string // as a sentence says it
	Table  string // whose column state has a CHECK with the same list
	Rows   []Row[S]
}

// Row is one state of a machine.
type Row[S ~string] struct {
	State   S
	Initial bool // entities are made in it
	Next    []S  // where it may go from here; none = terminal
	Meaning string
}

// Check refuses a move that the table does not hold. Staying where one is counts
// as no move and is refused too: repeated calls are answered by idempotency.
func (m Machine[S]) Check(subject string, from, to S) error {
	next := m.next(from)
	if slices.Contains(next, to) {
		return nil
	}
	if len(next) == 0 {
		return Refuse(ReasonTerminalState, subject, "%s is %s, which is final: it cannot become %s", m.Entity, from, to).
			With("state", string(from))
	}
	return Refuse(ReasonMoveNotAllowed, subject, "%s is %s and cannot become %s", m.Entity, from, to).
		With("state", string(from))
}

// Terminal reports whether nothing follows state s.
func (m Machine[S]) Terminal(s S) bool { return len(m.next(s)) == 0 }

// Route gives the shortest way from one state to another, without the first; of
// two of one length the one that the table names first. It refuses like Check
// where there is none, and is empty where one is there already: what is derived
// from facts, such as the state of a work order from its visits, may be several
// moves behind them.
func (m Machine[S]) Route(subject string, from, to S) ([]S, error) {
	if from == to {
		return nil, nil
	}
	cameFrom := map[S]S{from: from}
	for queue := []S{from}; len(queue) > 0; queue = queue[1:] {
		for _, next := range m.next(queue[0]) {
			if _, seen := cameFrom[next]; seen {
				continue
			}
			cameFrom[next] = queue[0]
			if next != to {
				queue = append(queue, next)
				continue
			}
			var way []S
			for s := to; s != from; s = cameFrom[s] {
				way = append(way, s)
			}
			slices.Reverse(way)
			return way, nil
		}
	}
	return nil, m.Check(subject, from, to)
}

func (m Machine[S]) next(s S) []S {
	for _, row := range m.Rows {
		if row.State == s {
			return row.Next
		}
	}
	return nil
}

// MachineTable is a machine without its type, for docs/states.md and for the
// test that compares it with the schema.
type MachineTable = Machine[string]

// Machines gives all of them.
func Machines() []MachineTable {
	return []MachineTable{
		plain(WorkOrderMachine), plain(HoldMachine), plain(AppointmentMachine), plain(VisitMachine),
		plain(CommitmentMachine), plain(PlanMachine), plain(ReferralMachine), plain(SaleMachine), plain(FixMachine),
		plain(WebhookEndpointMachine), plain(WebhookDeliveryMachine), plain(FollowUpMachine), plain(ServiceCaseMachine), plain(WaitlistMachine),
	}
}

func plain[S ~string](m Machine[S]) MachineTable {
	out := MachineTable{Entity: m.Entity, Table: m.Table}
	for _, row := range m.Rows {
		r := Row[string]{State: string(row.State), Initial: row.Initial, Meaning: row.Meaning}
		for _, next := range row.Next {
			r.Next = append(r.Next, string(next))
		}
		out.Rows = append(out.Rows, r)
	}
	return out
}

// The machines.
var (
	WorkOrderMachine = Machine[WorkOrderState]{"work order", "work_orders", []Row[WorkOrderState]{
		{
			WorkOrderOpen, true,
			[]WorkOrderState{WorkOrderScheduled, WorkOrderInProgress, WorkOrderCancelled},
			"to be solved; nobody has promised when",
		},
		{
			WorkOrderScheduled, true,
			[]WorkOrderState{WorkOrderOpen, WorkOrderInProgress, WorkOrderCancelled},
			"a customer was promised an arrival window",
		},
		{
			WorkOrderInProgress, false,
			[]WorkOrderState{WorkOrderOpen, WorkOrderResolved, WorkOrderCancelled},
			"a technician is there, or what was resolved was opened again",
		},
		// A late event or a dispute opens it again.
		{
			WorkOrderResolved, false,
			[]WorkOrderState{WorkOrderInProgress},
			"solved; its fix window runs or has run",
		},
		{WorkOrderCancelled, false, nil, "not wanted any more"},
	}}
	HoldMachine = Machine[HoldState]{"hold", "holds", []Row[HoldState]{
		{
			HoldHeld, true,
			[]HoldState{HoldConfirmed, HoldReleased, HoldExpired},
			"keeps a window for its holder until it expires",
		},
		{HoldConfirmed, false, nil, "became an appointment"},
		{HoldReleased, false, nil, "given up by its holder"},
		{HoldExpired, false, nil, "not confirmed in time"},
	}}
	AppointmentMachine = Machine[AppointmentState]{"appointment", "appointments", []Row[AppointmentState]{
		{
			AppointmentConfirmed, true,
			[]AppointmentState{AppointmentClosed, AppointmentCancelled},
			"an arrival window is promised",
		},
		{AppointmentClosed, false, nil, "its visit is over"},
		{AppointmentCancelled, false, nil, "given up before the visit"},
	}}
	// Technicians work offline: an event may be missing, so that a visit jumps
	// ahead, never back.
	VisitMachine = Machine[VisitState]{"visit", "visits", []Row[VisitState]{
		{
			VisitUnassigned, true,
			[]VisitState{VisitPlanned, VisitCancelled},
			"no technician is meant to make it",
		},
		{
			VisitPlanned, true,
			[]VisitState{VisitUnassigned, VisitEnRoute, VisitOnSite, VisitInProgress, VisitClosed, VisitCancelled},
			"a commitment says who and when",
		},
		{
			VisitEnRoute, false,
			[]VisitState{VisitOnSite, VisitInProgress, VisitClosed, VisitCancelled},
			"the technician has set off",
		},
		{
			VisitOnSite, false,
			[]VisitState{VisitInProgress, VisitClosed, VisitCancelled},
			"the technician has arrived",
		},
		{
			VisitInProgress, false,
			[]VisitState{VisitClosed, VisitCancelled},
			"work has begun",
		},
		{VisitClosed, false, nil, "over, with an outcome"},
		{VisitCancelled, false, nil, "not made"},
	}}
	CommitmentMachine = Machine[CommitmentState]{"commitment", "commitments", []Row[CommitmentState]{
		{
			CommitmentHeld, true,
			[]CommitmentState{CommitmentPlanned, CommitmentReleased},
			"time kept for a hold",
		},
		{
			CommitmentPlanned, true,
			[]CommitmentState{CommitmentUnderWay, CommitmentDone, CommitmentReleased},
			"time planned for a visit, break or absence",
		},
		{
			CommitmentUnderWay, false,
			[]CommitmentState{CommitmentDone, CommitmentReleased},
			"the visit has begun: it may overlap others, since reality is never refused",
		},
		{CommitmentDone, false, nil, "the visit is over"},
		{CommitmentReleased, false, nil, "the time is free again"},
	}}
	PlanMachine = Machine[PlanState]{"plan", "plans", []Row[PlanState]{
		{PlanDraft, true, []PlanState{PlanPublished, PlanSuperseded}, "computed, not in force"},
		{PlanPublished, false, []PlanState{PlanSuperseded}, "in force: its stops are commitments"},
		{PlanSuperseded, false, nil, "a later version took its place"},
	}}
	ReferralMachine = Machine[ReferralState]{"referral", "referrals", []Row[ReferralState]{
		{
			ReferralLogged, true,
			[]ReferralState{ReferralRouted, ReferralAccepted, ReferralDeclined, ReferralExpired},
			"noticed by a technician; nobody could be named to own it",
		},
		{
			ReferralRouted, true,
			[]ReferralState{ReferralAccepted, ReferralDeclined, ReferralExpired},
			"given to an owner, whose clock runs",
		},
		{
			ReferralAccepted, false,
			[]ReferralState{ReferralContacted, ReferralQualified, ReferralQuoted, ReferralWon, ReferralLost, ReferralDeclined},
			"the owner works on it",
		},
		{
			ReferralContacted, false,
			[]ReferralState{ReferralQualified, ReferralQuoted, ReferralWon, ReferralLost},
			"the customer was spoken to",
		},
		{
			ReferralQualified, false,
			[]ReferralState{ReferralQuoted, ReferralWon, ReferralLost},
			"it is a real opportunity",
		},
		{
			ReferralQuoted, false,
			[]ReferralState{ReferralWon, ReferralLost},
			"the customer has a price",
		},
		{ReferralWon, false, nil, "sold, with its value"},
		{ReferralLost, false, nil, "not sold, with the reason"},
		{ReferralDeclined, false, nil, "sales does not take it, with the reason"},
		{ReferralExpired, false, nil, "nobody took it in time"},
	}}
	// Who sold may be wrong about it, so that a sale comes back; the ledger of pay
	// follows either way.
	WebhookEndpointMachine = Machine[EndpointState]{"endpoint", "webhook_endpoints", []Row[EndpointState]{
		{EndpointEnabled, true, []EndpointState{EndpointDisabled}, "gets each change of a referral"},
		{EndpointDisabled, false, []EndpointState{EndpointEnabled}, "gets nothing; an administrator disabled it, or it answered 410"},
	}}

	WebhookDeliveryMachine = Machine[WebhookDeliveryState]{"webhook delivery", "webhook_deliveries", []Row[WebhookDeliveryState]{
		{WebhookPending, true, []WebhookDeliveryState{WebhookDelivered, WebhookDead}, "is tried until the endpoint takes it"},
		{WebhookDelivered, false, nil, "the endpoint answered 2xx"},
		{WebhookDead, false, []WebhookDeliveryState{WebhookPending}, "not taken within three days; can be replayed"},
	}}

	SaleMachine = Machine[SaleState]{"sale", "sales", []Row[SaleState]{
		{SaleStanding, true, []SaleState{SaleLeft, SaleReversed}, "it stands, and the customer stays"},
		{SaleLeft, false, []SaleState{SaleStanding, SaleReversed}, "the customer has left"},
		{SaleReversed, false, []SaleState{SaleStanding}, "cancelled, refunded or never paid"},
	}}
	FollowUpMachine = Machine[FollowUpState]{"follow-up", "follow_ups", []Row[FollowUpState]{
		{FollowUpPlanned, true, []FollowUpState{FollowUpAsked, FollowUpAnswered, FollowUpDropped}, "is asked when its time comes"},
		{FollowUpAsked, false, []FollowUpState{FollowUpAnswered, FollowUpLapsed, FollowUpDropped}, "asked once; waits for the answer"},
		{FollowUpAnswered, false, nil, "answered with yes or no"},
		{FollowUpLapsed, false, nil, "not answered within 30 days"},
		{FollowUpDropped, false, nil, "the sale does not stand any more"},
	}}
	ServiceCaseMachine = Machine[ServiceCaseState]{"service case", "service_cases", []Row[ServiceCaseState]{
		{CaseOpen, true, []ServiceCaseState{CaseClosed}, "what was sold does not do what it should; its owner mends it"},
		{CaseClosed, false, nil, "mended, with what was done"},
	}}
	WaitlistMachine = Machine[WaitlistState]{"waiting list entry", "waitlist_entries", []Row[WaitlistState]{
		{WaitlistWaiting, true, []WaitlistState{WaitlistOffered, WaitlistLeft, WaitlistEnded}, "is asked when a window becomes free"},
		{
			WaitlistOffered, false,
			[]WaitlistState{WaitlistTaken, WaitlistWaiting, WaitlistLeft, WaitlistEnded},
			"a free window is kept for it until the answer, or the time to answer is over",
		},
		{WaitlistTaken, false, nil, "the window was taken; the appointment has it"},
		{WaitlistLeft, false, nil, "called off"},
		{WaitlistEnded, false, nil, "its days are over, its work has a window or an end, or nobody answered three times"},
	}}
	FixMachine = Machine[FixState]{"fix episode", "fix_episodes", []Row[FixState]{
		{FixProvisional, true, []FixState{FixFinal}, "the fix window runs: the verdict may change"},
		// A work order that is reopened starts another episode.
		{FixFinal, false, nil, "the fix window is over, or another episode has begun"},
	}}
)
