package rig

import "syscall"

// diesWithUs has the kernel end the process when we are killed.
func diesWithUs(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGTERM }
