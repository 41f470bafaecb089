//go:build !linux

package process

import "syscall"

// dieWithParent does nothing: only Linux tells a child that its parent died.
// Elsewhere a stack that is killed with SIGKILL leaves its parts running, and
// the next start adopts the database server by its postmaster.pid.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
