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

// Installation names one database with its servers and workers within a namespace
// of Temporal that others use too: its task queues carry the name, and its
// workers' builds are versions of the deployment of that name.
type Installation string

func (i Installation) queue(queue Queue) string { return string(i) + "-" + string(queue) }
