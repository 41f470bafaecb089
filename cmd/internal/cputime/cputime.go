// Package cputime reads how much processor time this process has used. Budgets
// and figures of the solver are in it, because wall time says as much about the
// neighbours on a machine as about the program.
package cputime

import "syscall"

// Seconds is user and system time of all threads since the process began.
func Seconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}
