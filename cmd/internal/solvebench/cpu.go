// Package solvebench measures the scheduler on instance files: cost against the
// best known, CPU seconds, and a table of both. The bench-solver target of the
// Makefile is its only caller.
package solvebench

import "syscall"

// CPUSeconds is the processor time that this process has used.
func CPUSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}
