package process

import "syscall"

// dieWithParent asks the kernel to send sig to the child when the thread that
// started it ends. Go sets it after dropping privileges, which would clear it.
func dieWithParent(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }
