//go:build linux || darwin || freebsd

package ode

import "syscall"

// freeBytes returns the bytes that a file in the folder dir may still take, and
// whether the system could say.
func freeBytes(dir string) (int64, bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}
