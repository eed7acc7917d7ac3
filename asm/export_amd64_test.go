//go:build amd64 && !noasm

package asm

import "testing"

// eachTier runs f once per tier that this machine has, with that tier active.
func eachTier(t testing.TB, f func(tier string)) {
	was := useAVX2
	t.Cleanup(func() { useAVX2 = was })
	if was {
		f(Tier())
	}
	useAVX2 = false
	f(Tier())
	useAVX2 = was
}
