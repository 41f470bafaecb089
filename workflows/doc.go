// Package workflows owns time and retries: the long processes on Temporal, the
// relay that starts and wakes them, and the loops beside it that send messages,
// sweep overdue holds and trim what is old. `firstfix work` runs all of it.
//
// Every long process has one shape. Its workflow asks a use case to look at the
// rows, which does what is due and says when to come back; the workflow sleeps
// until then or until a notice wakes it, and asks again. Workflows carry ids and
// never entities, decide nothing and store nothing: what is true stands in
// PostgreSQL, also when to wake up, so that a workflow that is lost is started
// again from its row.
//
// The package knows no SQL and no rule of the trade. docs/operations.md says how
// to run it.
package workflows
