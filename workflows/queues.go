package workflows

// Queue is one of the task queues, which keep kinds of work from holding up one
// another.
type Queue string

// The task queues.
const (
	QueueInteractive Queue = "interactive" // somebody waits: appointments, visits, referrals
	QueueSolving     Queue = "solving"     // plans: as many at once as there are cores
	QueueLong        Queue = "long"        // fix windows, which sleep for weeks
)

// Queues names the task queues within a namespace that is shared with others.
type Queues struct {
	Prefix string // before each name; "" where the namespace is our own
}

func (q Queues) name(queue Queue) string { return q.Prefix + string(queue) }
