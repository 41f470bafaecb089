package scheduler

// Nowhere is the location of a shift that starts or ends wherever its first or
// last job is.
const Nowhere = -1

// Model is a planning problem as the caller states it. Times are seconds since
// the caller's epoch, durations are seconds, distances metres, and every price
// is in the caller's unit of cost. Slices are indexed from zero, and other
// parts of the model refer to their elements by index.
type Model struct {
	Jobs        []Job
	Technicians []Technician
	Shifts      []Shift

	// Travel holds one table per kind of traveller (van, bicycle, ...). All
	// cover the same locations.
	Travel []Travel

	// Soft lists the rules that may be broken at a price. Any rule not listed
	// is hard.
	Soft []SoftRule

	// Disruption prices moving a job away from the published plan.
	Disruption Disruption

	// OnTimeFloor is the least probability, between 0 and 1, with which every
	// stop must be reached inside its window. Zero asks for nothing.
	OnTimeFloor float64

	// FirstTimeFix is the probability that this technician resolves this job on
	// this visit. Nil means certainty. It is called by NewProblem only, once
	// per job with a ReturnCost and technician.
	FirstTimeFix func(job, technician int) float64
}

// Job is one visit to be planned.
type Job struct {
	Location int

	// Service is the mean time on site, ServiceSpread its standard deviation.
	Service       int64
	ServiceSpread int64
	// Setup is added to Service unless the stop before is at the same location.
	Setup int64

	// Windows are the times at which the visit may begin, in order and
	// disjoint. None means any time within the shift.
	Windows []Window

	// LeaveOut is the price of not serving the job. Zero means the job is
	// required: it is left out only when nothing else is possible, and then the
	// jobs of lower Priority (0 to 100) first.
	LeaveOut int64
	Priority int

	Skills []SkillNeed

	// Required, if not empty, lists the only technicians who may go; Excluded
	// those who may not. NotPreferred is paid when the technician is not among
	// Preferred and Preferred is not empty.
	Required     []int
	Excluded     []int
	Preferred    []int
	NotPreferred int64

	// Parts are the amounts of each part or other load that the job takes from
	// the shift's Stock, in the same order.
	Parts []int64

	// ReturnCost is the price of a second visit; it is charged times the
	// probability that the first does not resolve the job.
	ReturnCost int64

	Pin Pin

	// Published is the place of the job in the plan that people already know,
	// nil if it is new.
	Published *Published
}

// Window is an interval of allowed begin times, both ends included. A window
// with MaxEarly or MaxLate is soft: the visit may begin up to that much outside,
// at a price per minute.
type Window struct {
	From, To       int64
	MaxEarly       int64
	MaxLate        int64
	EarlyPerMinute int64
	LatePerMinute  int64
}

// SkillNeed asks for a skill at a minimum level.
type SkillNeed struct {
	Skill, Level int
}

// Pin is what may not be moved about a job.
type Pin struct {
	Kind PinKind
	// Technician is read by PinTechnician and PinBoth.
	Technician int
	// From is the begin time for PinTime and PinBoth; From and To enclose it
	// for PinRange.
	From, To int64
}

// PinKind says which freedom a pin takes away.
type PinKind uint8

// The four kinds of pin, and none.
const (
	PinNone PinKind = iota
	PinTechnician
	PinTime
	PinBoth
	PinRange
)

// Published is where a job stands in the published plan.
type Published struct {
	Shift int
	Start int64
	// Told is set once the customer knows the technician or the time.
	Told bool
}

// Disruption prices changes to the published plan, per job and additive:
// Technician for another technician, PerMinute for each minute that the begin
// moves beyond Grace, Told once if the customer already knew and either
// happened. Cap, if not zero, bounds the sum for one job.
type Disruption struct {
	Technician int64
	PerMinute  int64
	Grace      int64
	Told       int64
	Cap        int64
}

// Technician is a person with skills and a price.
type Technician struct {
	Skills []Skill
	// Travel is an index into Model.Travel.
	Travel int
	// SpeedPercent scales speed: 50 takes twice as long. Zero means 100.
	SpeedPercent int
	// PerHour is paid from leaving to returning, less unpaid breaks and travel
	// on own time; PerTravelHour for time under way; PerKilometre for distance.
	PerHour       int64
	PerTravelHour int64
	PerKilometre  int64
}

// Skill is a skill held at a level, or a certificate with a validity. Until
// zero means that it does not expire. It counts for a shift when it is valid
// from the shift's begin to its end.
type Skill struct {
	Skill, Level int
	From, Until  int64
}

// Shift is one technician's working time on one day or night.
type Shift struct {
	Technician int
	// Begin and End are where the route starts and ends; Nowhere for open ends.
	Begin, End int
	// From and To bound the working time.
	From, To int64
	// NotBefore is the earliest time at which anything not yet begun may start
	// or be left for; the time of replanning. Zero is ignored.
	NotBefore int64

	// MaxOvertime is how long after To the route may end, OvertimePerHour its
	// price on top of the technician's.
	MaxOvertime     int64
	OvertimePerHour int64

	// OwnTravelOut and OwnTravelHome are how much of the first and the last leg
	// happens outside working time, by contract.
	OwnTravelOut  int64
	OwnTravelHome int64

	Breaks []Break

	// Fixed is the cost of using the shift at all.
	Fixed int64

	// MaxJobs, MaxTravel (seconds) and MaxDistance (metres) limit the route.
	// Zero means no limit.
	MaxJobs     int
	MaxTravel   int64
	MaxDistance int64

	// Stock is what the van carries of each part. A nil Stock is unlimited.
	Stock []int64

	// Done is the frozen prefix of the route: what was served or is under way,
	// with its real times. It cannot be changed.
	Done []DoneStop
}

// Break is owed once, beginning inside [From, To], by a technician who is still
// out when To has passed; with Always by every technician who goes out. The
// breaks of a shift agree on Always.
type Break struct {
	From, To int64
	Duration int64
	Unpaid   bool
	Always   bool
	// Taken is set when the break lies in the past.
	Taken bool
}

// DoneStop is a stop of a frozen prefix.
type DoneStop struct {
	Job        int
	Start, End int64
}

// Rule names a constraint: in soft rules, in violations and in reasons.
type Rule uint8

// The rules. The comment of each gives the unit of its price when soft.
const (
	RuleNone        Rule = iota
	RuleSkill            // per level missing
	RuleCertificate      // per certificate not valid on the day
	RuleRequired         // per job at another technician than required
	RuleExcluded         // per job at an excluded technician
	RulePin              // always hard
	RuleStock            // per unit of a part missing
	RuleMaxJobs          // per job above the limit
	RuleMaxTravel        // per minute above the limit
	RuleMaxDistance      // per kilometre above the limit
	RuleWindow           // hard beyond a window's own margins
	RuleShift            // hard beyond the shift's own overtime
	RuleBreak            // per break not taken in its window
	RuleOnTime           // per percentage point below the floor
	RuleFrozen           // always hard
	RulePlan             // the plan contradicts itself: always hard
	ruleCount
)

var ruleNames = [ruleCount]string{
	"none", "skill", "certificate", "required technician", "excluded technician", "pin", "van stock",
	"jobs per shift", "travel per shift", "distance per shift", "window", "working time", "break",
	"on-time floor", "frozen prefix", "plan",
}

// String returns the rule's name as it stands in reasons and documents.
func (r Rule) String() string {
	if r >= ruleCount {
		return "unknown rule"
	}
	return ruleNames[r]
}

// canBeSoft reports whether a price may be put on breaking r.
func (r Rule) canBeSoft() bool {
	switch r {
	case RuleSkill, RuleCertificate, RuleRequired, RuleExcluded, RuleStock, RuleMaxJobs,
		RuleMaxTravel, RuleMaxDistance, RuleBreak, RuleOnTime:
		return true
	default:
		return false
	}
}

// SoftRule makes a rule breakable at a price per unit.
type SoftRule struct {
	Rule  Rule
	Price int64
}
