package scheduler

import (
	"fmt"
	"math"
	"slices"
)

// costScale makes every price an exact integer: a price per hour is 5 internal
// units per second, one per kilometre 18 per metre, one per minute 300 per
// second. Nothing is rounded until a cost is shown.
const (
	costScale     = 18000
	perHourScale  = costScale / 3600
	perKmScale    = costScale / 1000
	perMinScale   = costScale / 60
	requiredPrice = int64(1e12) // times 1 + priority: dearer than any detour
	forbidden     = int64(math.MaxInt64)
	noPrice       = int64(-1) // of a rule that is hard
	timeLimit     = 1 << 29   // times and durations beyond this are refused, so that sums fit an int32
	maxPriority   = 100
)

// Problem is a checked and compiled Model. It never changes and is safe for
// concurrent use.
type Problem struct {
	model Model

	// Per job.
	location []int32
	service  []int32
	setup    []int32
	opens    []int32 // earliest begin, margins included
	closes   []int32 // latest begin, margins included
	windowAt []int32 // windows of job j are windows[windowAt[j]:windowAt[j+1]]
	windows  []window
	richJob  []bool // costs depend on the begin: priced by a walk
	simple   []bool // at most one window, no set-up, not rich
	leaveOut []int64
	required []bool
	class    []int32 // jobs of a class fit the same shifts at the same price
	doneIn   []int32 // the shift whose frozen prefix holds the job, or -1
	parts    []int64 // jobs × dims
	moves    []int64 // price of another technician than published
	known    []int32 // the published technician, or -1

	dims     int
	shifts   []shift
	fits     []int64 // classes × shifts: internal price, or forbidden
	profiles []profile
	soft     [ruleCount]int64
	allPlain bool // no shift and no job is rich
	setups   bool // some job has a set-up time
}

type window struct {
	from, to    int32 // without a price
	opens, ends int32 // margins included
	early, late int64 // internal price per second
}

type shift struct {
	technician, profile int32
	begin, end          int32
	ready               int32 // nothing that is not done yet begins before
	from, to, limit     int32 // limit is the end including overtime
	ownOut, ownHome     int32
	perMetre            int64
	perSecond           int64 // of travel
	perDuration         int64
	perOvertime         int64
	fixed               int64
	maxJobs             int32
	maxTravel           int64
	maxDistance         int64
	stock               []int64
	breaks              []pause
	done                []DoneStop
	own                 bool // some travel is on own time
	rich                bool
}

type pause struct {
	from, to, duration int32
	unpaid, always     bool
	index              int32 // in Shift.Breaks
}

// NewProblem checks a model and compiles it. Its error, if any, is an
// *InvalidError that names every fault. The problem keeps the model's slices,
// which must not be changed afterwards.
func NewProblem(m Model) (*Problem, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	p := &Problem{model: m}
	for r := range p.soft {
		p.soft[r] = noPrice
	}
	for _, s := range m.Soft {
		p.soft[s.Rule] = s.Price * costScale
	}
	p.compileJobs()
	p.compileShifts()
	p.compileFits()
	p.allPlain = !slices.Contains(p.richJob, true) &&
		!slices.ContainsFunc(p.shifts, func(s shift) bool { return s.rich })
	return p, nil
}

// Model returns the model that the problem was made from.
func (p *Problem) Model() Model { return p.model }

func (p *Problem) compileJobs() {
	n := len(p.model.Jobs)
	p.location, p.service, p.setup = make([]int32, n), make([]int32, n), make([]int32, n)
	p.opens, p.closes = make([]int32, n), make([]int32, n)
	p.windowAt = make([]int32, n+1)
	p.richJob, p.required, p.simple = make([]bool, n), make([]bool, n), make([]bool, n)
	p.leaveOut, p.moves = make([]int64, n), make([]int64, n)
	p.doneIn, p.known = make([]int32, n), make([]int32, n)
	for j := range p.model.Jobs {
		p.dims = max(p.dims, len(p.model.Jobs[j].Parts))
	}
	p.parts = make([]int64, n*p.dims)
	d := p.model.Disruption
	for j := range p.model.Jobs {
		job := &p.model.Jobs[j]
		p.location[j], p.service[j], p.setup[j] = int32(job.Location), int32(job.Service), int32(job.Setup)
		p.doneIn[j], p.known[j] = -1, -1
		copy(p.parts[j*p.dims:(j+1)*p.dims], job.Parts)
		for _, w := range pinnedWindows(job) {
			p.windows = append(p.windows, compileWindow(w))
		}
		p.windowAt[j+1] = int32(len(p.windows))
		p.opens[j], p.closes[j] = -timeLimit, timeLimit
		if ws := p.windowsOf(int32(j)); len(ws) > 0 {
			p.opens[j], p.closes[j] = ws[0].opens, ws[len(ws)-1].ends
			for _, w := range ws {
				p.richJob[j] = p.richJob[j] || w.opens < w.from || w.ends > w.to
			}
		}
		p.richJob[j] = p.richJob[j] || job.Setup > 0
		p.setups = p.setups || job.Setup > 0
		p.required[j] = job.LeaveOut == 0
		p.leaveOut[j] = job.LeaveOut * costScale
		if p.required[j] {
			p.leaveOut[j] = requiredPrice * int64(1+job.Priority)
		}
		if job.Published != nil {
			p.known[j] = int32(p.model.Shifts[job.Published.Shift].Technician)
			if d.PerMinute > 0 || (d.Told > 0 && job.Published.Told) {
				p.richJob[j] = true
			} else {
				p.moves[j] = d.Technician * costScale
				if d.Cap > 0 {
					p.moves[j] = min(p.moves[j], d.Cap*costScale)
				}
			}
		}
		if p.model.OnTimeFloor > 0 {
			p.richJob[j] = true
		}
		p.simple[j] = !p.richJob[j] && p.windowAt[j+1]-p.windowAt[j] <= 1
	}
}

// pinnedWindows are the windows that a job keeps once its pin is applied. A pin
// that leaves no window open has been refused by Validate.
func pinnedWindows(job *Job) []Window {
	switch job.Pin.Kind {
	case PinTime, PinBoth:
		return []Window{{From: job.Pin.From, To: job.Pin.From}}
	case PinRange:
		if len(job.Windows) == 0 {
			return []Window{{From: job.Pin.From, To: job.Pin.To}}
		}
		var kept []Window
		for _, w := range job.Windows {
			opens, ends := max(w.From-w.MaxEarly, job.Pin.From), min(w.To+w.MaxLate, job.Pin.To)
			if opens > ends {
				continue
			}
			// The part without a price may vanish; then one end of it stays as
			// the point from which minutes are counted.
			from, to := min(max(w.From, opens), ends), max(min(w.To, ends), opens)
			if w.From > ends || w.To < opens {
				from, to = w.From, w.To
			}
			kept = append(kept, Window{
				From: from, To: to, MaxEarly: from - opens, MaxLate: ends - to,
				EarlyPerMinute: w.EarlyPerMinute, LatePerMinute: w.LatePerMinute,
			})
		}
		return kept
	default:
		return job.Windows
	}
}

func compileWindow(w Window) window {
	return window{
		from: int32(w.From), to: int32(w.To),
		opens: int32(w.From - w.MaxEarly), ends: int32(w.To + w.MaxLate),
		early: w.EarlyPerMinute * perMinScale, late: w.LatePerMinute * perMinScale,
	}
}

func (p *Problem) windowsOf(j int32) []window { return p.windows[p.windowAt[j]:p.windowAt[j+1]] }

func (p *Problem) compileShifts() {
	p.shifts = make([]shift, len(p.model.Shifts))
	type traveller struct{ table, speed int }
	known := map[traveller]int32{}
	for v := range p.model.Shifts {
		in := &p.model.Shifts[v]
		tech := &p.model.Technicians[in.Technician]
		kind := traveller{tech.Travel, tech.SpeedPercent}
		if kind.speed == 0 {
			kind.speed = 100
		}
		at, ok := known[kind]
		if !ok {
			at = int32(len(p.profiles))
			known[kind] = at
			p.profiles = append(p.profiles, compileTravel(&p.model.Travel[kind.table], int32(kind.speed)))
		}
		s := shift{
			technician: int32(in.Technician), profile: at,
			begin: p.place(in.Begin), end: p.place(in.End),
			ready: int32(in.From), from: int32(in.From), to: int32(in.To), limit: int32(in.To + in.MaxOvertime),
			ownOut: int32(in.OwnTravelOut), ownHome: int32(in.OwnTravelHome),
			perMetre: tech.PerKilometre * perKmScale, perSecond: tech.PerTravelHour * perHourScale,
			perDuration: tech.PerHour * perHourScale, perOvertime: in.OvertimePerHour * perHourScale,
			fixed: in.Fixed * costScale, maxJobs: int32(in.MaxJobs),
			maxTravel: in.MaxTravel, maxDistance: in.MaxDistance, stock: in.Stock, done: in.Done,
		}
		if in.NotBefore != 0 {
			s.ready = max(s.ready, int32(in.NotBefore))
		}
		for _, d := range in.Done {
			s.ready = max(s.ready, int32(d.End))
			p.doneIn[d.Job] = int32(v)
		}
		for i, b := range in.Breaks {
			// What should have been taken by now and was not is past mending.
			if b.Taken || (int32(b.To) < s.ready && (len(in.Done) > 0 || in.NotBefore != 0)) {
				continue
			}
			s.breaks = append(s.breaks, pause{int32(b.From), int32(b.To), int32(b.Duration), b.Unpaid, b.Always, int32(i)})
		}
		s.own = s.ownOut != 0 || s.ownHome != 0
		s.rich = len(s.breaks) > 0 || s.perDuration != 0 || (s.perOvertime != 0 && in.MaxOvertime > 0) ||
			s.softLimits(&p.soft)
		p.shifts[v] = s
	}
}

// place is a location as the profiles know it.
func (p *Problem) place(location int) int32 {
	if location == Nowhere {
		return int32(p.model.Travel[0].n)
	}
	return int32(location)
}

func (s *shift) softLimits(soft *[ruleCount]int64) bool {
	return (s.maxJobs > 0 && soft[RuleMaxJobs] >= 0) || (s.maxTravel > 0 && soft[RuleMaxTravel] >= 0) ||
		(s.maxDistance > 0 && soft[RuleMaxDistance] >= 0) || (s.stock != nil && soft[RuleStock] >= 0)
}

// compileFits prices who may do what. Jobs that ask for the same are one class,
// so that the table is as small as the catalogue rather than the day.
func (p *Problem) compileFits() {
	p.class = make([]int32, len(p.model.Jobs))
	known := map[string]int32{}
	rates := make([]int64, len(p.model.Technicians))
	for j := range p.model.Jobs {
		job := &p.model.Jobs[j]
		clear(rates)
		if p.model.FirstTimeFix != nil && job.ReturnCost > 0 {
			for t := range rates {
				again := 1 - p.model.FirstTimeFix(j, t)
				rates[t] = int64(math.Round(min(max(again, 0), 1) * float64(job.ReturnCost) * costScale))
			}
		}
		pinned := -1
		if job.Pin.Kind == PinTechnician || job.Pin.Kind == PinBoth {
			pinned = job.Pin.Technician
		}
		key := fmt.Sprint(job.Skills, job.Required, job.Excluded, job.Preferred, job.NotPreferred, pinned)
		if job.ReturnCost > 0 && p.model.FirstTimeFix != nil {
			key += fmt.Sprint(rates)
		}
		c, ok := known[key]
		if !ok {
			c = int32(len(known))
			known[key] = c
			for v := range p.model.Shifts {
				p.fits = append(p.fits, p.fitOf(job, v, pinned, rates))
			}
		}
		p.class[j] = c
	}
}

func (p *Problem) fitOf(job *Job, v, pinned int, rates []int64) int64 {
	t := p.model.Shifts[v].Technician
	if pinned >= 0 && pinned != t {
		return forbidden
	}
	price := rates[t]
	add := func(rule Rule, units int64) bool {
		if units == 0 {
			return true
		}
		if p.soft[rule] == noPrice {
			return false
		}
		price += p.soft[rule] * units
		return true
	}
	for _, need := range job.Skills {
		missing, expired := lacks(&p.model.Technicians[t], need, &p.model.Shifts[v])
		if !add(RuleSkill, missing) || !add(RuleCertificate, expired) {
			return forbidden
		}
	}
	if len(job.Required) > 0 && !slices.Contains(job.Required, t) && !add(RuleRequired, 1) {
		return forbidden
	}
	if slices.Contains(job.Excluded, t) && !add(RuleExcluded, 1) {
		return forbidden
	}
	if len(job.Preferred) > 0 && !slices.Contains(job.Preferred, t) {
		price += job.NotPreferred * costScale
	}
	return price
}

// lacks tells how many levels a technician is short of a need on the day of a
// shift, or that only a certificate's dates stand in the way (expired is 1).
func lacks(t *Technician, need SkillNeed, s *Shift) (missing, expired int64) {
	ever, now := 0, 0
	for _, have := range t.Skills {
		if have.Skill != need.Skill {
			continue
		}
		ever = max(ever, have.Level)
		if have.From <= s.From && (have.Until == 0 || have.Until >= s.To) {
			now = max(now, have.Level)
		}
	}
	switch {
	case now >= need.Level && now > 0:
		return 0, 0
	case ever >= need.Level && ever > 0:
		return 0, 1
	default:
		return int64(max(need.Level, 1) - ever), 0
	}
}

// fit is the price of this job on this shift before times are known.
func (p *Problem) fit(j, v int32) int64 {
	f := p.fits[int(p.class[j])*len(p.shifts)+int(v)]
	if f == forbidden {
		if p.doneIn[j] == v {
			return 0 // it happened
		}
		return forbidden
	}
	if p.moves[j] != 0 && p.known[j] != p.shifts[v].technician {
		f += p.moves[j]
	}
	return f
}

// moved is the price of the difference between this begin on this shift and the
// published one.
func (p *Problem) moved(j, v, start int32) int64 {
	pub := p.model.Jobs[j].Published
	if pub == nil || p.doneIn[j] >= 0 {
		return 0
	}
	d := &p.model.Disruption
	late := int64(start) - pub.Start
	if late < 0 {
		late = -late
	}
	late = max(late-d.Grace, 0)
	other := p.known[j] != p.shifts[v].technician
	price := late * d.PerMinute * perMinScale
	if other {
		price += d.Technician * costScale
	}
	if pub.Told && (other || late > 0) {
		price += d.Told * costScale
	}
	if d.Cap > 0 {
		price = min(price, d.Cap*costScale)
	}
	return price
}
