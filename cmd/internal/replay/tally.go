package replay

import (
	"time"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// tally is what the replay saw with its own eyes: the answers that it got. The
// report compares it with what GetServiceLevels says.
type tally struct {
	answered, offered, booked int
	refused                   map[string]int // requests by why they were not booked

	searches, searchesOffered int
	searchesRefused           map[string]int // searches without an offer, by the first reason

	appointments map[string]*promise
	rescheduled  int
	cancelled    int
	bookedAgain  int
	changeRefuse map[string]int // changes that were refused, by reason

	outcomes    map[string]int // of visits, as the technicians reported them
	travelled   time.Duration
	worked      time.Duration
	events      map[string]int // of the field, by what became of them
	uploads     int
	unmade      int // visits that nobody got round to on their day
	referrals   map[string]int
	salesActs   map[string]int
	leadTimes   []time.Duration // from request to the start of the window
	days        map[string]*Day
	plannedLook map[string]boardLook // by planning area and day
	walls       *wallClock
}

// promise is an appointment as its customer and the technician at the door know
// it.
type promise struct {
	request   string
	start     time.Time
	end       time.Time
	cancelled bool
	arrived   time.Time // by an accepted report; zero if nobody came
}

// kept judges as the contract says: arrived within [start, end).
func (p *promise) kept() bool {
	return !p.arrived.IsZero() && !p.arrived.Before(p.start) && p.arrived.Before(p.end)
}

// Day is what happened on one local day.
type Day struct {
	Date     string `json:"date"`
	Requests int    `json:"requests"`
	Booked   int    `json:"booked"`
	Visits   int    `json:"visits"` // reports from the door
	Kept     int    `json:"windows_kept"`
	Missed   int    `json:"windows_missed"`
}

func newTally() *tally {
	return &tally{
		refused: map[string]int{}, searchesRefused: map[string]int{}, appointments: map[string]*promise{},
		changeRefuse: map[string]int{}, outcomes: map[string]int{}, events: map[string]int{}, referrals: map[string]int{},
		salesActs: map[string]int{}, days: map[string]*Day{}, plannedLook: map[string]boardLook{}, walls: newWallClock(),
	}
}

// day gives the figures of a local day.
func (t *tally) day(day time.Time) *Day {
	key := day.Format(time.DateOnly)
	if t.days[key] == nil {
		t.days[key] = &Day{Date: key}
	}
	return t.days[key]
}

// promised notes a window that a customer was promised.
func (t *tally) promised(a *pb.Appointment, request string) *promise {
	p := t.appointments[a.GetName()]
	if p == nil {
		p = &promise{request: request}
		t.appointments[a.GetName()] = p
	}
	p.start, p.end = a.GetWindow().GetStartTime().AsTime(), a.GetWindow().GetEndTime().AsTime()
	return p
}
