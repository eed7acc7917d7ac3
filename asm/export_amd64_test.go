//go:build amd64 && !noasm

package asm

import "testing"

// eachTier runs f once per tier that this machine has, with that tier active.
func eachTier(t testing.TB, f func(tier string)) {
	simd, wide := useSIMD, useAVX512
	t.Cleanup(func() { useSIMD, useAVX512 = simd, wide })
	if wide {
		f(Tier())
		useAVX512 = false
	}
	if simd {
		f(Tier())
		useSIMD = false
	}
	f(Tier())
	useSIMD, useAVX512 = simd, wide
}
