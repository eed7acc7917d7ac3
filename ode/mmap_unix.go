//go:build linux || darwin || freebsd || netbsd || openbsd

package ode

import (
	"os"
	"syscall"
)

// mapFile maps size bytes of f for reading. It fails where the address space is
// too small; the caller then reads from the file.
func mapFile(f *os.File, size int64) ([]byte, error) {
	if int64(int(size)) != size {
		return nil, syscall.ENOMEM
	}
	return syscall.Mmap(int(f.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
}

func unmapFile(b []byte) error { return syscall.Munmap(b) }
