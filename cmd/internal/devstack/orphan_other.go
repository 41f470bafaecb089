//go:build !linux

package devstack

import "syscall"

// stopWithParent does nothing where the kernel cannot: a stack whose replay is
// killed has to be stopped by hand.
func stopWithParent(*syscall.SysProcAttr) {}
