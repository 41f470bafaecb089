package scheduler

// segment is what a run of stops does to time, in constant size (Vidal et al.,
// 2013): how long it takes, by how much it must be late somewhere ("time warp",
// paid back so that the rest is on time), and between which times it may begin
// without adding to either.
type segment struct {
	length, warp, early, late int32
}

// join is the segment a followed, after some travel, by b.
func join(a, b segment, travel int32) segment {
	delta := a.length - a.warp + travel
	wait := max(b.early-delta-a.late, 0)
	warp := max(a.early+delta-b.late, 0)
	return segment{
		length: a.length + b.length + travel + wait,
		warp:   a.warp + b.warp + warp,
		early:  max(b.early-delta, a.early) - wait,
		late:   min(b.late-delta, a.late) + warp,
	}
}

// joinWarp is the time warp of join.
func joinWarp(a, b segment, travel int32) int32 {
	return a.warp + b.warp + max(a.early+a.length-a.warp+travel-b.late, 0)
}
