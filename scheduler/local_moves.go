package scheduler

// relocate moves u, or u and the job behind it, to behind v in another route.
func (l *local) relocate(u, v int32, count int, reversed bool) bool {
	a, b := l.in[u], l.in[v]
	x := u
	if count == 2 {
		if x = l.next[u]; x >= l.n {
			return false
		}
	}
	head, tail := u, x
	if reversed {
		head, tail = x, u
	}
	p, next, y := l.prev[u], l.next[x], l.next[v]
	inner := l.leg(head, tail)
	if count == 1 {
		inner = leg{}
	}
	into, outOf := l.leg(v, head), l.leg(tail, y)
	bridge := l.leg(p, next)
	delta := l.price(bridge) - l.arc(p, u) - l.arc(x, next) + l.price(into) + l.price(outOf) - l.arc(v, y)
	if count == 2 {
		delta += l.price(inner) - l.arc(u, x)
	}
	if l.routeSize[b] == 0 {
		delta += l.p.shifts[b].fixed
	}
	if int(l.routeSize[a]) == count {
		delta -= l.p.shifts[a].fixed
	}
	old := l.routePen[a] + l.routePen[b]
	if delta >= old || !l.allowed(u, b) || !l.allowed(x, b) {
		return false
	}
	load := l.demand[u]
	if count == 2 {
		load += l.demand[x]
	}
	delta += l.penalty(a, joinWarp(l.before[p], l.after[next], bridge.seconds), l.routeLoad[a]-load) - old
	if delta >= 0 {
		return false
	}
	seg := join(l.before[v], l.single[head], into.seconds)
	if count == 2 {
		seg = join(seg, l.single[tail], inner.seconds)
	}
	delta += l.penalty(b, joinWarp(seg, l.after[y], outOf.seconds), l.routeLoad[b]+load)
	if delta >= 0 {
		return false
	}
	l.moves++
	l.link(p, next)
	l.link(v, head)
	if count == 2 {
		l.link(head, tail)
	}
	l.link(tail, y)
	l.refresh(a)
	l.refresh(b)
	return true
}

// swap exchanges the nu jobs from u on with the nv jobs from v on.
func (l *local) swap(u, v int32, nu, nv int) bool {
	a, b := l.in[u], l.in[v]
	x, w := u, v
	if nu == 2 {
		x = l.next[u]
	}
	if nv == 2 {
		w = l.next[v]
	}
	if x >= l.n || w >= l.n {
		return false
	}
	pu, xu, pv, wv := l.prev[u], l.next[x], l.prev[v], l.next[w]
	inA, outA := l.leg(pu, v), l.leg(w, xu)
	inB, outB := l.leg(pv, u), l.leg(x, wv)
	delta := l.price(inA) + l.price(outA) + l.price(inB) + l.price(outB) -
		l.arc(pu, u) - l.arc(x, xu) - l.arc(pv, v) - l.arc(w, wv)
	old := l.routePen[a] + l.routePen[b]
	if delta >= old || !l.allowed(u, b) || !l.allowed(x, b) || !l.allowed(v, a) || !l.allowed(w, a) {
		return false
	}
	loadU, loadV := l.load[x]-l.load[pu], l.load[w]-l.load[pv]
	seg := join(l.before[pu], l.single[v], inA.seconds)
	if nv == 2 {
		seg = join(seg, l.single[w], l.travel(v, w))
	}
	delta += l.penalty(a, joinWarp(seg, l.after[xu], outA.seconds), l.routeLoad[a]-loadU+loadV) - old
	if delta >= 0 {
		return false
	}
	seg = join(l.before[pv], l.single[u], inB.seconds)
	if nu == 2 {
		seg = join(seg, l.single[x], l.travel(u, x))
	}
	delta += l.penalty(b, joinWarp(seg, l.after[wv], outB.seconds), l.routeLoad[b]-loadV+loadU)
	if delta >= 0 {
		return false
	}
	l.moves++
	l.link(pu, v)
	l.link(w, xu)
	l.link(pv, u)
	l.link(x, wv)
	l.refresh(a)
	l.refresh(b)
	return true
}

// tails lets what follows v follow u and the other way round.
func (l *local) tails(u, v int32) bool {
	if !l.sameEnds {
		return false
	}
	a, b := l.in[u], l.in[v]
	x, y := l.next[u], l.next[v]
	if x >= l.n && y >= l.n {
		return false
	}
	// The ends stay with their routes: where a tail is empty its end is at the
	// same place as the other's.
	toY, toX := l.leg(u, y), l.leg(v, x)
	delta := l.price(toY) + l.price(toX) - l.arc(u, x) - l.arc(v, y)
	if l.routeSize[b] == 0 {
		delta += l.p.shifts[b].fixed
	}
	if v >= l.n && x >= l.n {
		delta -= l.p.shifts[b].fixed
	}
	old := l.routePen[a] + l.routePen[b]
	if delta >= old {
		return false
	}
	loadA := l.load[u] + l.routeLoad[b] - l.load[v]
	loadB := l.load[v] + l.routeLoad[a] - l.load[u]
	delta += l.penalty(a, joinWarp(l.before[u], l.after[y], toY.seconds), loadA) - old
	if delta >= 0 {
		return false
	}
	delta += l.penalty(b, joinWarp(l.before[v], l.after[x], toX.seconds), loadB)
	if delta >= 0 || !l.tailsAllowed(x, y, a, b) {
		return false
	}
	l.moves++
	lastA, lastB := l.last(a), l.last(b)
	endA, endB := l.prev[lastA], l.prev[lastB] // before the change
	if y < l.n {
		l.link(u, y)
		l.link(endB, lastA)
	} else {
		l.link(u, lastA)
	}
	if x < l.n {
		l.link(v, x)
		l.link(endA, lastB)
	} else {
		l.link(v, lastB)
	}
	l.refresh(a)
	l.refresh(b)
	return true
}

func (l *local) tailsAllowed(x, y, a, b int32) bool {
	if !l.restricted {
		return true
	}
	for ; x < l.n; x = l.next[x] {
		if !l.allowed(x, b) {
			return false
		}
	}
	for ; y < l.n; y = l.next[y] {
		if !l.allowed(y, a) {
			return false
		}
	}
	return true
}

// within tries the moves of u to v in the same route.
func (l *local) within(u, v int32) bool {
	return l.moveWithin(u, v, 1, false) || l.moveWithin(u, v, 2, false) || l.moveWithin(u, v, 2, true) ||
		l.swapWithin(u, v) || l.reverse(u, v)
}

// moveWithin moves u, or u and the job behind it, to behind v.
func (l *local) moveWithin(u, v int32, count int, reversed bool) bool {
	x := u
	if count == 2 {
		if x = l.next[u]; x >= l.n {
			return false
		}
	}
	p, next, y := l.prev[u], l.next[x], l.next[v]
	if v == p || v == u || v == x {
		return false
	}
	head, tail := u, x
	if reversed {
		head, tail = x, u
	}
	delta := l.arc(p, next) + l.arc(v, head) + l.arc(tail, y) - l.arc(p, u) - l.arc(x, next) - l.arc(v, y)
	if reversed {
		delta += l.arc(x, u) - l.arc(u, x)
	}
	if delta >= l.routePen[l.in[u]] {
		return false
	}
	l.line = l.line[:0]
	if l.pos[v] < l.pos[u] {
		l.line = append(l.line, head)
		if count == 2 {
			l.line = append(l.line, tail)
		}
		for at := y; at != u; at = l.next[at] {
			l.line = append(l.line, at)
		}
		return l.relay(v, next, delta)
	}
	for at := next; at != y; at = l.next[at] {
		l.line = append(l.line, at)
	}
	l.line = append(l.line, head)
	if count == 2 {
		l.line = append(l.line, tail)
	}
	return l.relay(p, y, delta)
}

func (l *local) swapWithin(u, v int32) bool {
	if l.pos[u] > l.pos[v] {
		u, v = v, u
	}
	if l.next[u] == v || u == v {
		return false
	}
	pu, xu, pv, xv := l.prev[u], l.next[u], l.prev[v], l.next[v]
	delta := l.arc(pu, v) + l.arc(u, xv) - l.arc(pu, u) - l.arc(v, xv)
	if xu == pv {
		delta += l.arc(v, xu) + l.arc(xu, u) - l.arc(u, xu) - l.arc(xu, v)
	} else {
		delta += l.arc(v, xu) + l.arc(pv, u) - l.arc(u, xu) - l.arc(pv, v)
	}
	if delta >= l.routePen[l.in[u]] {
		return false
	}
	l.line = append(l.line[:0], v)
	for at := xu; at != v; at = l.next[at] {
		l.line = append(l.line, at)
	}
	l.line = append(l.line, u)
	return l.relay(pu, xv, delta)
}

// reverse turns round what lies behind u up to v.
func (l *local) reverse(u, v int32) bool {
	if l.pos[u] >= l.pos[v] || l.next[u] == v {
		return false
	}
	x, y := l.next[u], l.next[v]
	delta := l.arc(u, v) + l.arc(x, y) - l.arc(u, x) - l.arc(v, y)
	if delta >= l.routePen[l.in[u]] {
		return false
	}
	l.line = l.line[:0]
	for at := v; at != u; at = l.prev[at] {
		l.line = append(l.line, at)
		if at != v {
			delta += l.arc(l.next[at], at) - l.arc(at, l.next[at])
		}
	}
	return l.relay(u, y, delta)
}

// relay puts line between from and to if that pays, given the change in legs.
func (l *local) relay(from, to int32, delta int64) bool {
	v := l.in[from]
	seg, at := l.before[from], from
	for _, j := range l.line {
		seg = join(seg, l.single[j], l.travel(at, j))
		at = j
	}
	warp := joinWarp(seg, l.after[to], l.travel(at, to))
	if delta+l.penalty(v, warp, l.routeLoad[v])-l.routePen[v] >= 0 {
		return false
	}
	l.moves++
	at = from
	for _, j := range l.line {
		l.link(at, j)
		at = j
	}
	l.link(at, to)
	l.refresh(v)
	return true
}

// compileNear lists for each job those that one would want before or behind it:
// near, and neither waited for nor late (weights as published).
func (l *local) compileNear() {
	l.width = int(min(localNeighbours, l.n-1))
	l.near = make([]int32, int(l.n)*l.width)
	keys := make([]uint64, 0, l.n)
	for u := range l.n {
		keys = keys[:0]
		for v := range l.n {
			if v != u {
				far := min(l.apart(u, v), l.apart(v, u))
				keys = append(keys, uint64(far+1<<30)<<32|uint64(v))
			}
		}
		if l.width > 0 {
			narrow(keys, l.width)
		}
		for k := range l.width {
			l.near[int(u)*l.width+k] = int32(keys[k] & 0xffffffff)
		}
	}
}

func (l *local) apart(u, v int32) int64 {
	g := l.leg(u, v)
	a, b := &l.single[u], &l.single[v]
	wait := max(b.early-g.seconds-a.length-a.late, 0)
	warp := max(a.early+a.length+g.seconds-b.late, 0)
	return min(int64(g.metres)+int64(g.seconds)+int64(wait)/5*2+int64(warp)*2, 1<<30)
}
