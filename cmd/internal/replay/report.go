package replay

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// Report is what an operator would want to know of the days. Its first part is a
// function of files, options and seed alone; Digest is its fingerprint. What
// depends on the machine stands behind it.
type Report struct {
	Facts

	Digest      string          `json:"digest"` // SHA-256 of the part before it
	Calls       map[string]Call `json:"calls"`
	Workflows   Work            `json:"workflows"`
	Disturbed   []string        `json:"disturbed,omitempty"`
	WallSeconds float64         `json:"wall_seconds"`
}

// Facts are the part of a report that is the same for the same seed.
type Facts struct {
	Seed        uint64 `json:"seed"`
	From        string `json:"from"`
	Until       string `json:"until"` // first day that was not played
	Zone        string `json:"zone"`
	Technicians int    `json:"technicians"`

	Requests int            `json:"requests"`
	Answered int            `json:"answered"` // by offers, or by the reason why there are none
	Offered  int            `json:"offered"`
	Booked   int            `json:"booked"`
	Refused  map[string]int `json:"refused"` // requests that were not booked, by reason

	WindowsKept   int     `json:"windows_kept"`
	WindowsMissed int     `json:"windows_missed"`
	TravelShare   float64 `json:"travel_share"` // of the played days
	Utilisation   float64 `json:"utilisation"`  // of the played days

	FirstTimeFixRate FixRates                  `json:"first_time_fix_rate"`
	Referrals        map[string]int64          `json:"referrals"`     // by stage
	Notifications    map[string]map[string]int `json:"notifications"` // by template, then state
	DoubleBookings   int64                     `json:"double_bookings"`

	Searches      map[string]int `json:"searches"`
	Changes       Changes        `json:"changes"`
	LeadTimeHours map[string]int `json:"lead_time_hours"` // p50 and p90 from request to window
	Visits        map[string]int `json:"visits"`          // as technicians reported them
	FieldEvents   map[string]int `json:"field_events"`    // by what became of them
	Sales         map[string]int `json:"sales"`           // what the sales team did
	Evenings      Evenings       `json:"evenings"`
	DayByDay      []Day          `json:"day_by_day"`
	ClockChanges  []ClockChange  `json:"clock_changes,omitempty"`

	// Mismatches are figures of GetServiceLevels that are not what the replay saw
	// itself. Expected to be empty.
	Mismatches []string `json:"mismatches"`
	Generated  []string `json:"generated"` // what is made up
	Real       []string `json:"real"`      // what is not
}

// Changes are what customers did after booking.
type Changes struct {
	Rescheduled int            `json:"rescheduled"`
	Cancelled   int            `json:"cancelled"`
	BookedAgain int            `json:"booked_again"` // after a visit that met a locked door
	Refused     map[string]int `json:"refused"`
}

// Evenings are what the dispatcher saw on the evenings before.
type Evenings struct {
	Planned     int     `json:"planned"`      // visits with technician and time
	Unassigned  int     `json:"unassigned"`   // without
	TravelShare float64 `json:"travel_share"` // of what was planned then
	Unmade      int     `json:"unmade"`       // planned, and nobody got round to it
}

// Call is how often a method was called and how long it took.
type Call struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
}

// Work is how the waiting between the steps went.
type Work struct {
	Steps         int            `json:"steps"` // moves of domain time
	Drains        int            `json:"drains"`
	Polls         int            `json:"polls"`
	WaitedSeconds float64        `json:"waited_seconds"`
	Repeats       int            `json:"repeated_calls"`
	Notices       map[string]int `json:"notices,omitempty"` // by kind
	Wakeups       int            `json:"wakeups"`           // processes asleep at the end
	DatabaseMB    int            `json:"database_mb"`
}

// generated names what is not real, for every report.
var generated = []string{
	"technicians, their homes, skills, planning areas and shifts",
	"customers' names, contacts, tastes, cancellations and changes",
	"travel noise, durations, outcomes and reports from the field",
	"referrals and what sales made of them",
}

// real names what the files say.
var real = []string{"requests with their times, places and work types, and with them the repeats", "territories"}

// facts puts together what the replay saw and what the measures say.
func (r *replay) facts(whole, days *pb.ServiceLevels) Facts {
	t := r.tally
	f := Facts{
		Seed: r.Seed, From: r.from.Format(time.DateOnly), Until: r.until.Format(time.DateOnly), Zone: r.Zone, Technicians: r.Technicians,
		Requests: len(r.requests), Answered: t.answered, Offered: t.offered, Booked: t.booked, Refused: t.refused,
		WindowsKept: int(whole.GetWindowsKept()), WindowsMissed: int(whole.GetWindowsMissed()),
		TravelShare: round3(days.GetTravelShare()), Utilisation: round3(days.GetUtilisation()),
		FirstTimeFixRate: r.fixRates(whole.GetFirstTimeFix()),
		Referrals:        map[string]int64{}, Notifications: map[string]map[string]int{},
		DoubleBookings: whole.GetDoubleBookings(),
		Searches:       map[string]int{"all": t.searches, "offered": t.searchesOffered},
		Changes:        Changes{Rescheduled: t.rescheduled, Cancelled: t.cancelled, BookedAgain: t.bookedAgain, Refused: t.changeRefuse},
		LeadTimeHours:  map[string]int{"p50": hours(t.leadTimes, 0.5), "p90": hours(t.leadTimes, 0.9)},
		Visits:         t.outcomes, FieldEvents: t.events, Sales: t.salesActs, Evenings: r.evenings(),
		ClockChanges: t.walls.changes(r.from, r.runOut(), r.company.areas),
		Mismatches:   r.compare(whole), Generated: generated, Real: real,
	}
	for _, count := range whole.GetReferrals() {
		f.Referrals[strings.TrimPrefix(count.GetState().String(), "REFERRAL_STATE_")] = count.GetCount()
	}
	for _, count := range whole.GetNotifications() {
		if f.Notifications[count.GetTemplate()] == nil {
			f.Notifications[count.GetTemplate()] = map[string]int{}
		}
		f.Notifications[count.GetTemplate()][strings.TrimPrefix(count.GetState().String(), "NOTIFICATION_STATE_")] = int(count.GetCount())
	}
	t.judgeDays(r.zone)
	for _, key := range slices.Sorted(maps.Keys(t.days)) {
		f.DayByDay = append(f.DayByDay, *t.days[key])
	}
	return f
}

// judgeDays counts kept and missed windows by the day on which they start.
func (t *tally) judgeDays(zone *time.Location) {
	for _, p := range t.appointments {
		if p.cancelled {
			continue
		}
		day := t.day(p.start.In(zone))
		if p.kept() {
			day.Kept++
		} else {
			day.Missed++
		}
	}
}

// evenings sums up what the dispatcher saw.
func (r *replay) evenings() Evenings {
	e := Evenings{Unmade: r.tally.unmade}
	var travel, work time.Duration
	for _, look := range r.tally.plannedLook {
		e.Planned += look.planned
		e.Unassigned += look.unassigned
		travel, work = travel+look.travel, work+look.work
	}
	if travel+work > 0 {
		e.TravelShare = round3(travel.Seconds() / (travel + work).Seconds())
	}
	return e
}

// digest is the fingerprint of the facts as they stand in the report.
func (f Facts) digest() (string, error) {
	text, err := json.Marshal(f)
	if err != nil {
		return "", fmt.Errorf("write the report: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// JSON writes the whole report, or its facts alone.
func (r *Report) JSON(factsOnly bool) ([]byte, error) {
	var what any = r
	if factsOnly {
		what = r.Facts
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(what); err != nil {
		return nil, fmt.Errorf("write the report: %w", err)
	}
	return text.Bytes(), nil
}

// figures gives the calls by method.
func (m *meter) figures() map[string]Call {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]Call{}
	for method, took := range m.calls {
		slices.Sort(took)
		out[method] = Call{Count: len(took), P50: milliseconds(quantile(took, 0.5)), P99: milliseconds(quantile(took, 0.99))}
	}
	return out
}

// quantile gives the smallest of sorted values that a share of them does not
// exceed.
func quantile(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	at := int(share*float64(len(sorted))+0.9999999) - 1
	return sorted[min(max(at, 0), len(sorted)-1)]
}

func milliseconds(d time.Duration) float64 { return round3(float64(d.Microseconds()) / 1000) }

func hours(of []time.Duration, share float64) int {
	sorted := slices.Sorted(slices.Values(of))
	return int(quantile(sorted, share).Round(time.Hour).Hours())
}
