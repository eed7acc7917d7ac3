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

// eachInt8 is eachTier for the product with integers, whose bodies are more.
func eachInt8(t testing.TB, f func(tier string)) {
	dot := hasDot
	t.Cleanup(func() { hasDot = dot })
	if dot && useSIMD {
		f(Tier() + " with dot products")
	}
	hasDot = false
	eachTier(t, f)
	hasDot = dot
}
