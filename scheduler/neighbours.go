package scheduler

import "slices"

// nearest lists for each job the others by travel time there and back, nearest
// first. It is what ruin spreads along.
type nearest struct {
	width int
	jobs  []int32
}

// nearestWidth bounds the lists. A ruin touches a handful of routes; beyond a
// hundred neighbours it would no longer be local.
const nearestWidth = 128

func (n *nearest) of(j int32) []int32 { return n.jobs[int(j)*n.width : (int(j)+1)*n.width] }

func (p *Problem) nearestJobs() nearest {
	jobs := len(p.model.Jobs)
	n := nearest{width: max(min(nearestWidth, jobs-1), 0)}
	n.jobs = make([]int32, jobs*n.width)
	if len(p.profiles) == 0 || n.width == 0 {
		n.jobs, n.width = nil, 0
		return n
	}
	prof := &p.profiles[0]
	keys := make([]uint64, 0, jobs)
	for j := range jobs {
		keys = keys[:0]
		for i := range jobs {
			if i == j {
				continue
			}
			out, outMetres := prof.leg(p.location[j], p.location[i])
			back, backMetres := prof.leg(p.location[i], p.location[j])
			far := uint64(out+back)/2 + uint64(outMetres+backMetres)/2
			keys = append(keys, far<<32|uint64(i))
		}
		if len(keys) > 4*n.width {
			narrow(keys, n.width)
			keys = keys[:n.width]
		}
		slices.Sort(keys)
		for k := range n.width {
			n.jobs[j*n.width+k] = int32(keys[k] & 0xffffffff)
		}
	}
	return n
}

// narrow moves the k smallest keys to the front.
func narrow(keys []uint64, k int) {
	lo, hi := 0, len(keys)-1
	for lo < hi {
		pivot := keys[(lo+hi)/2]
		i, j := lo, hi
		for i <= j {
			for keys[i] < pivot {
				i++
			}
			for keys[j] > pivot {
				j--
			}
			if i <= j {
				keys[i], keys[j] = keys[j], keys[i]
				i++
				j--
			}
		}
		switch {
		case k-1 <= j:
			hi = j
		case k-1 >= i:
			lo = i
		default:
			return
		}
	}
}
