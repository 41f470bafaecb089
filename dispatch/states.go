package dispatch

import "slices"

// The states of the entities that live. Each machine is one table of moves; the
// SQL CHECK and docs/states.md hold the same list, and a test compares the three.
type (
	WorkOrderState   string
	HoldState        string
	AppointmentState string
	VisitState       string
	CommitmentState  string
	PlanState        string
	ReferralState    string
	FixState         string
)

const (
	WorkOrderOpen       WorkOrderState = "open"
	WorkOrderScheduled  WorkOrderState = "scheduled"
	WorkOrderInProgress WorkOrderState = "in_progress"
	WorkOrderResolved   WorkOrderState = "resolved"
	WorkOrderCancelled  WorkOrderState = "cancelled"

	HoldHeld      HoldState = "held"
	HoldConfirmed HoldState = "confirmed"
	HoldReleased  HoldState = "released"
	HoldExpired   HoldState = "expired"

	AppointmentConfirmed AppointmentState = "confirmed"
	AppointmentClosed    AppointmentState = "closed"
	AppointmentCancelled AppointmentState = "cancelled"

	VisitUnassigned VisitState = "unassigned"
	VisitPlanned    VisitState = "planned"
	VisitEnRoute    VisitState = "en_route"
	VisitOnSite     VisitState = "on_site"
	VisitInProgress VisitState = "in_progress"
	VisitClosed     VisitState = "closed"
	VisitCancelled  VisitState = "cancelled"

	CommitmentHeld     CommitmentState = "held"
	CommitmentPlanned  CommitmentState = "planned"
	CommitmentUnderWay CommitmentState = "under_way"
	CommitmentDone     CommitmentState = "done"
	CommitmentReleased CommitmentState = "released"

	PlanDraft      PlanState = "draft"
	PlanPublished  PlanState = "published"
	PlanSuperseded PlanState = "superseded"

	ReferralLogged    ReferralState = "logged"
	ReferralRouted    ReferralState = "routed"
	ReferralAccepted  ReferralState = "accepted"
	ReferralContacted ReferralState = "contacted"
	ReferralQualified ReferralState = "qualified"
	ReferralQuoted    ReferralState = "quoted"
	ReferralWon       ReferralState = "won"
	ReferralLost      ReferralState = "lost"
	ReferralDeclined  ReferralState = "declined"
	ReferralExpired   ReferralState = "expired"

	FixProvisional FixState = "provisional"
	FixFinal       FixState = "final"
)

// Machine is the table of allowed moves of one kind of entity: from each state,
// the states it may go to. A state without moves is terminal.
type Machine[S ~string] struct {
	Entity string
	Moves  map[S][]S
}

// Check refuses a move that the table does not hold. Staying where one is counts
// as no move and is refused too: repeated calls are answered by idempotency.
func (m Machine[S]) Check(subject string, from, to S) error {
	if slices.Contains(m.Moves[from], to) {
		return nil
	}
	if len(m.Moves[from]) == 0 {
		return Refuse(ReasonTerminalState, subject, "%s is %s, which is final: it cannot become %s", m.Entity, from, to).
			With("state", string(from))
	}
	return Refuse(ReasonMoveNotAllowed, subject, "%s is %s and cannot become %s", m.Entity, from, to).
		With("state", string(from))
}

// Terminal reports whether nothing follows state s.
func (m Machine[S]) Terminal(s S) bool { return len(m.Moves[s]) == 0 }

// The machines.
var (
	WorkOrderMachine = Machine[WorkOrderState]{"work order", map[WorkOrderState][]WorkOrderState{
		WorkOrderOpen:       {WorkOrderScheduled, WorkOrderInProgress, WorkOrderCancelled},
		WorkOrderScheduled:  {WorkOrderOpen, WorkOrderInProgress, WorkOrderCancelled},
		WorkOrderInProgress: {WorkOrderOpen, WorkOrderResolved, WorkOrderCancelled},
		WorkOrderResolved:   {WorkOrderInProgress}, // a late event or a dispute reopens it
		WorkOrderCancelled:  {},
	}}
	HoldMachine = Machine[HoldState]{"hold", map[HoldState][]HoldState{
		HoldHeld:      {HoldConfirmed, HoldReleased, HoldExpired},
		HoldConfirmed: {},
		HoldReleased:  {},
		HoldExpired:   {},
	}}
	AppointmentMachine = Machine[AppointmentState]{"appointment", map[AppointmentState][]AppointmentState{
		AppointmentConfirmed: {AppointmentClosed, AppointmentCancelled},
		AppointmentClosed:    {},
		AppointmentCancelled: {},
	}}
	// Technicians work offline: an event may be missing, so that a visit jumps
	// ahead, never back.
	VisitMachine = Machine[VisitState]{"visit", map[VisitState][]VisitState{
		VisitUnassigned: {VisitPlanned, VisitCancelled},
		VisitPlanned:    {VisitUnassigned, VisitEnRoute, VisitOnSite, VisitInProgress, VisitClosed, VisitCancelled},
		VisitEnRoute:    {VisitOnSite, VisitInProgress, VisitClosed, VisitCancelled},
		VisitOnSite:     {VisitInProgress, VisitClosed, VisitCancelled},
		VisitInProgress: {VisitClosed, VisitCancelled},
		VisitClosed:     {},
		VisitCancelled:  {},
	}}
	CommitmentMachine = Machine[CommitmentState]{"commitment", map[CommitmentState][]CommitmentState{
		CommitmentHeld:     {CommitmentPlanned, CommitmentReleased},
		CommitmentPlanned:  {CommitmentUnderWay, CommitmentDone, CommitmentReleased},
		CommitmentUnderWay: {CommitmentDone, CommitmentReleased},
		CommitmentDone:     {},
		CommitmentReleased: {},
	}}
	PlanMachine = Machine[PlanState]{"plan", map[PlanState][]PlanState{
		PlanDraft:      {PlanPublished, PlanSuperseded},
		PlanPublished:  {PlanSuperseded},
		PlanSuperseded: {},
	}}
	ReferralMachine = Machine[ReferralState]{"referral", map[ReferralState][]ReferralState{
		ReferralLogged:    {ReferralRouted, ReferralAccepted, ReferralDeclined, ReferralExpired},
		ReferralRouted:    {ReferralAccepted, ReferralDeclined, ReferralExpired},
		ReferralAccepted:  {ReferralContacted, ReferralQualified, ReferralQuoted, ReferralWon, ReferralLost, ReferralDeclined},
		ReferralContacted: {ReferralQualified, ReferralQuoted, ReferralWon, ReferralLost},
		ReferralQualified: {ReferralQuoted, ReferralWon, ReferralLost},
		ReferralQuoted:    {ReferralWon, ReferralLost},
		ReferralWon:       {},
		ReferralLost:      {},
		ReferralDeclined:  {},
		ReferralExpired:   {},
	}}
	FixMachine = Machine[FixState]{"fix episode", map[FixState][]FixState{
		FixProvisional: {FixFinal},
		FixFinal:       {}, // a reopened work order starts another episode
	}}
)
