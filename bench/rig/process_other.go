//go:build !linux

package rig

import "syscall"

// diesWithUs can do nothing where the kernel offers no signal for it.
func diesWithUs(*syscall.SysProcAttr) {}
