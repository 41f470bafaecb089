package dispatch

import "time"

// FixVerdict says whether a job stayed fixed.
type FixVerdict string

// The verdicts.
const (
	FirstTimeFix FixVerdict = "first_time_fix"
	RepeatVisit  FixVerdict = "repeat_visit"
	NotCounted   FixVerdict = "not_counted"
)

// FixEpisode is one life of a work order's fix window.
type FixEpisode struct {
	WorkOrder  WorkOrderID
	Episode    int
	Service    ServiceID
	Technician TechnicianID // of the first visit that was started
	ResolvedAt time.Time
	WindowDays int
	DueAt      time.Time // end of the fix window
	State      FixState
	Verdict    FixVerdict
	Reason     string
	Repeat     WorkOrderID // the corrective work order that spoilt it
	JudgedAt   time.Time
	Version    int64
}

// Name is the resource name of the work order that is judged.
func (f FixEpisode) Name() string { return f.WorkOrder.Name() }

// FixJudgement is what JudgeFirstTimeFix found.
type FixJudgement struct {
	Verdict FixVerdict
	Reason  string      // the exclusion's or the miss's, "" for a first-time fix
	Repeat  WorkOrderID // set where a later work order spoilt it
}

// JudgeFirstTimeFix is the definition of docs/glossary.md as a function of the
// rows and of nothing else: a work order resolved on its first visit, with no
// linked corrective visit within the fix window.
//
// visits are those of the work order in order. later are the work orders that
// correct it (linked by hand, or for the same issue: same asset, or same site
// and service), with the time each was opened. The window runs windowDays
// calendar days in zone from resolvedAt. Visits without access or cancelled on
// site are neither a fix nor a miss; they do not count as the first visit.
func JudgeFirstTimeFix(w WorkOrder, corrective bool, visits []Visit, later []WorkOrder, windowEnd time.Time) FixJudgement {
	if !corrective {
		return FixJudgement{Verdict: NotCounted, Reason: "the service is not corrective"}
	}
	attempts := 0
	resolved := false
	for _, v := range visits {
		switch v.Outcome {
		case OutcomeResolved:
			attempts++
			resolved = true
		case OutcomeNeedsReturn:
			if v.OutcomeReason == string(ReturnPlanned) {
				return FixJudgement{Verdict: NotCounted, Reason: "a second visit was planned from the start"}
			}
			attempts++
		case OutcomeNoAccess, OutcomeCancelledOnSite, OutcomeNone:
		}
		if resolved {
			break
		}
	}
	if !resolved {
		return FixJudgement{Verdict: NotCounted, Reason: "no visit resolved it"}
	}
	if attempts > 1 {
		return FixJudgement{Verdict: RepeatVisit, Reason: "it took more than one visit"}
	}
	var first *WorkOrder
	for i := range later {
		l := &later[i]
		if l.ID == w.ID || l.State == WorkOrderCancelled || !l.OpenedAt.After(w.ResolvedAt) || !l.OpenedAt.Before(windowEnd) {
			continue
		}
		if first == nil || l.OpenedAt.Before(first.OpenedAt) {
			first = l
		}
	}
	if first != nil {
		return FixJudgement{Verdict: RepeatVisit, Reason: "the issue came back within the fix window", Repeat: first.ID}
	}
	return FixJudgement{Verdict: FirstTimeFix}
}

// FirstAttempt is the first of the visits of a work order that came to something,
// in their order: the one that is praised or blamed. Zero where there is none.
func FirstAttempt(visits []Visit) Visit {
	for _, v := range visits {
		if v.Outcome == OutcomeResolved || v.Outcome == OutcomeNeedsReturn {
			return v
		}
	}
	return Visit{}
}

// FixWindowEnd is the end of a fix window of days calendar days after resolved,
// at the same wall-clock time in zone.
func FixWindowEnd(resolved time.Time, days int, zone *time.Location) time.Time {
	return resolved.In(zone).AddDate(0, 0, days)
}
