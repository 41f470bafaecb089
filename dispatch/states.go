package dispatch

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
	SaleState        string
	FollowUpState    string
	ServiceCaseState string
	WaitlistState    string
)

// The states, by entity; docs/states.md says what each means.
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

	SaleStanding SaleState = "standing"
	SaleLeft     SaleState = "left"
	SaleReversed SaleState = "reversed"

	FollowUpPlanned  FollowUpState = "planned"
	FollowUpAsked    FollowUpState = "asked"
	FollowUpAnswered FollowUpState = "answered"
	FollowUpLapsed   FollowUpState = "lapsed"
	FollowUpDropped  FollowUpState = "dropped"

	CaseOpen   ServiceCaseState = "open"
	CaseClosed ServiceCaseState = "closed"

	WaitlistWaiting WaitlistState = "waiting"
	WaitlistOffered WaitlistState = "offered"
	WaitlistTaken   WaitlistState = "taken"
	WaitlistLeft    WaitlistState = "left"
	WaitlistEnded   WaitlistState = "ended"

	FixProvisional FixState = "provisional"
	FixFinal       FixState = "final"
)
