package scheduler

import "slices"

// exchange makes a child of two plans (selective route exchange, Nagata et al.,
// 2010): some neighbouring routes of the mother give way to those of the father
// that overlap them most. Jobs that would then be there twice leave the
// mother's routes or the father's, at random; jobs that went are inserted where
// the detour is least.
func (d *breeder) exchange(mother, father *member) [][]int32 {
	s := d.g.s
	in := make([]int32, len(s.in))
	routes := 0
	for v, r := range mother.jobs {
		for _, j := range r {
			in[j] = int32(v)
		}
		if len(r) > 0 {
			routes++
		}
	}
	gone, out := d.region(in, 1+d.rng.below(max(routes/2, 1)))
	child := make([][]int32, len(s.routes))
	for v, r := range mother.jobs {
		if !out[v] {
			child[v] = slices.Clone(r)
		}
	}
	whole := d.rng.below(2) == 0 // the father's routes
	served := make([]bool, len(in))
	for _, f := range d.overlapping(father, in, out, len(gone)) {
		slot := d.slot(gone, child, f)
		if slot < 0 {
			continue
		}
		child[slot] = make([]int32, 0, len(father.jobs[f]))
		for _, j := range father.jobs[f] {
			if whole || out[in[j]] {
				child[slot] = append(child[slot], j)
				served[j] = true
			}
		}
	}
	for v := range child {
		if !out[v] {
			child[v] = slices.DeleteFunc(child[v], func(j int32) bool { return served[j] })
			for _, j := range child[v] {
				served[j] = true
			}
		}
	}
	for _, v := range gone {
		for _, j := range mother.jobs[v] {
			if !served[j] {
				d.place(child, j)
			}
		}
	}
	return child
}

// region picks k routes of a plan around a random job.
func (d *breeder) region(in []int32, k int) (gone []int32, out []bool) {
	s := d.g.s
	out = make([]bool, len(s.routes))
	seed := s.movers[d.rng.below(len(s.movers))]
	out[in[seed]] = true
	gone = append(gone, in[seed])
	for _, j := range s.near.of(seed) {
		if len(gone) >= k {
			break
		}
		if v := in[j]; !out[v] {
			out[v] = true
			gone = append(gone, v)
		}
	}
	return gone, out
}

// overlapping returns the k routes of a plan that hold most of the jobs of the
// routes that went, best first.
func (d *breeder) overlapping(m *member, in []int32, out []bool, k int) []int32 {
	shared := make([]int, len(m.jobs))
	var found []int32
	for v, r := range m.jobs {
		for _, j := range r {
			if out[in[j]] {
				shared[v]++
			}
		}
		if shared[v] > 0 {
			found = append(found, int32(v))
		}
	}
	slices.SortStableFunc(found, func(a, b int32) int { return shared[b] - shared[a] })
	return found[:min(k, len(found))]
}

// slot is a shift that went and can take over the route of shift f: f itself, or
// one that is like it.
func (d *breeder) slot(gone []int32, child [][]int32, f int32) int32 {
	slot := int32(-1)
	for _, v := range gone {
		if child[v] == nil && (v == f || (slot < 0 && d.g.s.kind[v] == d.g.s.kind[f])) {
			slot = v
		}
	}
	return slot
}

// place inserts a job where its windows and those of the neighbours could agree
// and the detour is least.
func (d *breeder) place(child [][]int32, j int32) {
	l := d.l
	me := &l.single[j]
	best, bestRoute, bestAt := forbidden, int32(-1), 0
	for v := range l.r {
		if !l.allowed(j, v) || (len(child[v]) == 0 && bestRoute >= 0 && v > 0 && len(child[v-1]) == 0) {
			continue
		}
		from := l.first(v)
		for k := 0; k <= len(child[v]); k++ {
			to := l.last(v)
			if k < len(child[v]) {
				to = child[v][k]
			}
			in, on := l.leg(from, j), l.leg(j, to)
			a, b := &l.single[from], &l.single[to]
			if a.early+a.length+in.seconds <= me.late && me.early+me.length+on.seconds <= b.late {
				if cost := l.price(in) + l.price(on) - l.arc(from, to); cost < best {
					best, bestRoute, bestAt = cost, v, k
				}
			}
			from = to
		}
	}
	if bestRoute < 0 {
		bestRoute = d.g.s.able[d.g.s.p.class[j]][0]
		bestAt = len(child[bestRoute])
	}
	child[bestRoute] = slices.Insert(child[bestRoute], bestAt, j)
}
