package devstack

import "syscall"

// stopWithParent asks the kernel to tell the stack when we die without stopping
// it: it then stops its programs and removes itself.
func stopWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGTERM }
