package scheduler

// part is some shifts of a problem and the jobs on them, as a problem of its
// own: small enough for tables that the whole is too large for. What one costs
// in the part it costs in the whole.
type part struct {
	p      *Problem
	shifts []int32 // of the whole, by index in the part
	jobs   []int32
}

// cut makes a part. Jobs of frozen prefixes must come with their shifts.
func (p *Problem) cut(shifts, jobs []int32) *part {
	sub := &Problem{model: Model{Disruption: p.model.Disruption, OnTimeFloor: p.model.OnTimeFloor}, dims: p.dims, soft: p.soft}
	places := renumbering{nowhere: p.place(Nowhere), number: map[int32]int32{}}
	for _, j := range jobs {
		places.of(p.location[j])
	}
	for _, v := range shifts {
		places.of(p.shifts[v].begin)
		places.of(p.shifts[v].end)
	}
	number := make(map[int32]int32, len(jobs))
	for i, j := range jobs {
		number[j] = int32(i)
	}
	nowhere := int32(len(places.old))
	at := func(location int32) int32 {
		if location == p.place(Nowhere) {
			return nowhere
		}
		return places.of(location)
	}
	sub.cutProfiles(p, places.old)
	sub.cutShifts(p, shifts, number, at)
	sub.cutJobs(p, jobs, at)
	sub.cutFits(p, shifts, jobs)
	sub.allPlain = p.allPlain
	return &part{sub, shifts, jobs}
}

// renumbering gives locations new numbers in the order in which they are met.
type renumbering struct {
	nowhere int32
	number  map[int32]int32
	old     []int32
}

func (r *renumbering) of(location int32) int32 {
	if location == r.nowhere {
		return -1
	}
	i, ok := r.number[location]
	if !ok {
		i = int32(len(r.old))
		r.number[location] = i
		r.old = append(r.old, location)
	}
	return i
}

func (p *Problem) cutProfiles(whole *Problem, places []int32) {
	n := len(places)
	for i := range whole.profiles {
		w := &whole.profiles[i]
		q := profile{n: int32(n), stride: n + 1, table: w.table, speedPercent: w.speedPercent, spreadPermille: w.spreadPermille}
		q.out = make([]leg, q.stride*q.stride)
		for a, from := range places {
			row := q.out[a*q.stride:]
			for b, to := range places {
				seconds, metres := w.leg(from, to)
				row[b] = leg{seconds, metres}
			}
		}
		q.mirror()
		if w.spread != nil {
			q.spread = make([]int32, n*n)
			for a, from := range places {
				for b, to := range places {
					q.spread[a*n+b] = w.spread[int(from)*int(w.n)+int(to)]
				}
			}
		}
		p.profiles = append(p.profiles, q)
	}
}

func (p *Problem) cutShifts(whole *Problem, shifts []int32, number map[int32]int32, at func(int32) int32) {
	for _, v := range shifts {
		s := whole.shifts[v]
		s.begin, s.end = at(s.begin), at(s.end)
		done := make([]DoneStop, len(s.done))
		for k, d := range s.done {
			done[k] = DoneStop{Job: int(number[int32(d.Job)]), Start: d.Start, End: d.End}
		}
		s.done = done
		p.shifts = append(p.shifts, s)
	}
}

func (p *Problem) cutJobs(whole *Problem, jobs []int32, at func(int32) int32) {
	for _, j := range jobs {
		p.model.Jobs = append(p.model.Jobs, whole.model.Jobs[j])
		p.location = append(p.location, at(whole.location[j]))
		p.service = append(p.service, whole.service[j])
		p.setup = append(p.setup, whole.setup[j])
		p.opens = append(p.opens, whole.opens[j])
		p.closes = append(p.closes, whole.closes[j])
		p.windowAt = append(p.windowAt, int32(len(p.windows)))
		p.windows = append(p.windows, whole.windowsOf(j)...)
		p.richJob = append(p.richJob, whole.richJob[j])
		p.simple = append(p.simple, whole.simple[j])
		p.leaveOut = append(p.leaveOut, whole.leaveOut[j])
		p.required = append(p.required, whole.required[j])
		p.moves = append(p.moves, whole.moves[j])
		p.known = append(p.known, whole.known[j])
		p.doneIn = append(p.doneIn, -1)
		p.parts = append(p.parts, whole.parts[int(j)*whole.dims:(int(j)+1)*whole.dims]...)
	}
	p.windowAt = append(p.windowAt, int32(len(p.windows)))
	for v := range p.shifts {
		for _, d := range p.shifts[v].done {
			p.doneIn[d.Job] = int32(v)
		}
	}
}

func (p *Problem) cutFits(whole *Problem, shifts, jobs []int32) {
	known := map[int32]int32{}
	for _, j := range jobs {
		old := whole.class[j]
		c, ok := known[old]
		if !ok {
			c = int32(len(known))
			known[old] = c
			row := whole.fits[int(old)*len(whole.shifts):]
			for _, v := range shifts {
				p.fits = append(p.fits, row[v])
			}
		}
		p.class = append(p.class, c)
	}
}

// into renumbers routes of the whole for the part.
func (c *part) into(routes [][]int32) [][]int32 {
	number := make(map[int32]int32, len(c.jobs))
	for i, j := range c.jobs {
		number[j] = int32(i)
	}
	out := make([][]int32, len(c.shifts))
	for i, v := range c.shifts {
		for _, j := range routes[v] {
			out[i] = append(out[i], number[j])
		}
	}
	return out
}

// outOf writes routes of the part back to the whole.
func (c *part) outOf(part, routes [][]int32) {
	for i, v := range c.shifts {
		r := routes[v][:0]
		for _, j := range part[i] {
			r = append(r, c.jobs[j])
		}
		routes[v] = r
	}
}
