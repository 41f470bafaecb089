// Package scheduler plans the work of field technicians: which technician
// does which job, in which order and when, and which arrival windows can still
// be promised to a customer.
//
// The package computes and does nothing else. It reads no file, no clock and
// no network, knows no database and no message format; identity is an index
// into the slices of a [Model], and names stay with the caller. Time is whole
// seconds since an epoch that the caller chooses, cost is a whole number of
// whatever unit the caller prices in (cents, say). Booking calls [Live.Offers]
// and [Live.Insert], planning calls [Solve], [Verify] and [Live.Explain]; the
// solve command calls all of them.
//
// A [Model] is what the caller fills in. [NewProblem] checks it, names every
// fault at once, and compiles it into a [Problem], which never changes
// afterwards and may be shared by any number of goroutines. A [Plan] is plain
// data. A [Live] is a plan that can be asked and changed one job at a time.
//
// # How a route is timed
//
// A route is a sequence of jobs on one shift; its times follow from the
// sequence by one fixed policy, so that equal sequences always cost the same:
//
//   - The technician leaves so as to be at the first job when it may begin, less
//     two standard deviations of that leg, but never before the shift begins
//     (travel on own time excepted).
//   - A job begins as soon as the technician is there and a window is open. A
//     soft window is waited for when the rest of the route allows, and begun
//     early only when it does not.
//   - A break is taken between two jobs, where waiting makes it free, or else at
//     the last gap that still lies in its window. Travel may be interrupted by a
//     break, work may not. No break is owed by a technician who is home before
//     the break's window ends.
//   - Set-up time is spent before the work of a job unless the stop before it is
//     at the same location.
//
// [Verify] does not know this policy: it judges the times that a plan states.
//
// # What is left open
//
// Crews that must meet and precedence between jobs are not modelled yet. Both
// couple the times of several routes, which the search here treats as
// independent; they will enter as a constraint on the latest-start arrays of
// the routes concerned (see route), and as stops that are removed together.
package scheduler
