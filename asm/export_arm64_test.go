//go:build arm64 && !noasm

package asm

import "testing"

// eachTier runs f with NEON, then with the reference.
func eachTier(t testing.TB, f func(tier string)) {
	simd := useSIMD
	t.Cleanup(func() { useSIMD = simd })
	if simd {
		f(Tier())
		useSIMD = false
	}
	f(Tier())
	useSIMD = simd
}
