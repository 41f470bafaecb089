package replay

import (
	"time"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// Everything in this file is generated behaviour: plausible, seeded, and not
// measured anywhere. docs/replay.md shows the tables.

// temper is how visits of a trade come out, as probabilities.
type temper struct {
	noAccess    float64 // nobody opens
	needsReturn float64 // somebody must come again
	calledOff   float64 // nothing to do, or not wanted any more, at the door
}

// tempers by trade, the column type of the requests. Work in homes meets locked
// doors; work in the street meets missing parts.
var tempers = map[string]temper{
	"Street Lights":                    {0, 0.09, 0.01},
	"Signs & Signals":                  {0, 0.12, 0.01},
	"Highway Maintenance":              {0, 0.05, 0.01},
	"Sanitation":                       {0, 0.03, 0.02},
	"Street Cleaning":                  {0, 0.03, 0.03},
	"Trees":                            {0.01, 0.10, 0.01},
	"Graffiti":                         {0.02, 0.06, 0.01},
	"Enforcement & Abandoned Vehicles": {0, 0.04, 0.06},
	"Housing":                          {0.10, 0.08, 0.03},
	"Building":                         {0.08, 0.07, 0.02},
	"Environmental Services":           {0.05, 0.07, 0.02},
	"Health":                           {0.06, 0.06, 0.02},
}

// otherTemper is that of trades without a row.
var otherTemper = temper{0.02, 0.06, 0.02}

// What happens on the way and on site.
const (
	travelSpread   = 0.20 // standard deviation of travel as a share of what was planned
	shortestWork   = 5 * time.Minute
	longestWork    = 4 // times the service's mean
	returnWork     = 0.7
	referralChance = 0.04
)

// Reports from the field do not come as they should.
const (
	sentTwiceChance = 0.04 // an upload is sent again, as after a lost answer
	lateChance      = 0.06 // no network for a while
	shuffledChance  = 0.03 // a batch comes in another order
	offlineChance   = 0.02 // of a technician's afternoon without any network
)

// Customers.
const (
	cancelChance      = 0.03
	rescheduleChance  = 0.04
	patientChance     = 0.85 // takes what there is within the search
	searchDays        = 8    // how many local days ahead a customer looks, today among them
	impatientDays     = 2
	callsAgainChance  = 0.75 // after a visit that met a locked door
	premiumChance     = 0.08 // takes a dearer tier if there is one
	textChance        = 0.30 // wants text messages
	noMailChance      = 0.10 // wants no mail
	otherTongueChance = 0.12 // reads Spanish
)

// taste is which of several offers a customer prefers.
type taste int

const (
	tasteEarliest taste = iota
	tasteMorning
	tasteAfternoon
	tasteLaterDay
)

func (d dice) taste() taste { return taste(d.pick(0.45, 0.15, 0.15, 0.25)) }

// temperOf gives how a visit comes out: a return visit brought what was missing.
func temperOf(trade string, ordinal int32) temper {
	t, ok := tempers[trade]
	if !ok {
		t = otherTemper
	}
	if ordinal > 1 {
		t.needsReturn /= 3
	}
	return t
}

// result is what a visit comes to.
type result int

const (
	resultResolved result = iota
	resultNoAccess
	resultNeedsReturn
	resultCalledOff
)

func (t temper) roll(d dice) result {
	return result(d.pick(1-t.noAccess-t.needsReturn-t.calledOff, t.noAccess, t.needsReturn, t.calledOff))
}

// returnReasons with how often each is why somebody must come again.
var returnReasons = []struct {
	reason pb.ReturnReason
	weight float64
	note   string
}{
	{pb.ReturnReason_RETURN_REASON_PART, 0.40, "The part is not on the van."},
	{pb.ReturnReason_RETURN_REASON_DIAGNOSIS, 0.20, "The cause is not found yet."},
	{pb.ReturnReason_RETURN_REASON_TIME, 0.15, "It takes longer than planned."},
	{pb.ReturnReason_RETURN_REASON_INFORMATION, 0.15, "It is something else than was reported."},
	{pb.ReturnReason_RETURN_REASON_ACCESS, 0.10, "A parked car is in the way."},
}

// returnReason picks why somebody must come again.
func (d dice) returnReason() (pb.ReturnReason, string) {
	weights := make([]float64, len(returnReasons))
	for i, r := range returnReasons {
		weights[i] = r.weight
	}
	r := returnReasons[d.pick(weights...)]
	return r.reason, r.note
}

// workTime is how long a technician is on site.
func (d dice) workTime(mean, spread time.Duration, ends result) time.Duration {
	took := time.Duration(d.lognormal(float64(mean), float64(spread)))
	switch ends {
	case resultNoAccess:
		return d.between(8*time.Minute, 15*time.Minute)
	case resultCalledOff:
		return d.between(5*time.Minute, 10*time.Minute)
	case resultNeedsReturn:
		took = time.Duration(returnWork * float64(took))
	case resultResolved:
	}
	return min(max(took, shortestWork), longestWork*mean).Truncate(time.Second)
}

// travelTime is how long a journey takes that was planned to take so long.
func (d dice) travelTime(planned time.Duration) time.Duration {
	factor := min(max(d.lognormal(1, travelSpread), 0.6), 2.5)
	return time.Duration(factor * float64(planned)).Truncate(time.Second)
}

// Names are those of nobody; addresses for mail end in a domain that is reserved
// for examples, phone numbers in the block that is reserved for fiction.
var (
	firstNames = []string{
		"Ada", "Ben", "Carla", "Daniel", "Elena", "Frank", "Grace", "Hugo", "Ines", "Jamal", "Kim", "Liam", "Maria",
		"Noah", "Olga", "Pedro", "Quinn", "Rosa", "Sam", "Tara", "Uma", "Victor", "Wendy", "Xavier", "Yara", "Zoe",
	}
	lastNames = []string{
		"Adams", "Baker", "Costa", "Doyle", "Evans", "Flynn", "Garcia", "Hall", "Ivanov", "Jones", "Kelly", "Lopez",
		"Murphy", "Nguyen", "O'Brien", "Park", "Quigley", "Rossi", "Silva", "Tran", "Ueda", "Vargas", "Walsh", "Young",
	}
)

func (d dice) person() string {
	return firstNames[d.IntN(len(firstNames))] + " " + lastNames[d.IntN(len(lastNames))]
}

// unique is a person whose name nobody has yet, as long as there are names.
func (d dice) unique(taken map[string]bool) string {
	person := d.person()
	for range 100 {
		if !taken[person] {
			break
		}
		person = d.person()
	}
	taken[person] = true
	return person
}

// leads are what technicians notice, with what might help.
var leads = []struct{ need, suggestion string }{
	{"The fixture beside it is of the same age and flickers.", "Renew the whole row"},
	{"The owner asks for a yearly inspection.", "Maintenance contract"},
	{"The door's lock sticks, and tenants leave it open.", "New entry system"},
	{"Water stands in the yard after rain.", "Drainage"},
	{"Two more trees lean over the wire.", "Survey of trees"},
	{"The heating is from the seventies.", "Heat pump"},
	{"Bins overflow before collection.", "Larger containers"},
}
