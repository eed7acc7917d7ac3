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

// eachInt8 is eachTier for the product with integers, whose bodies are more.
func eachInt8(t testing.TB, f func(tier string)) {
	vnni := hasVNNI
	t.Cleanup(func() { hasVNNI = vnni })
	eachTier(t, f)
	if vnni && useAVX512 {
		hasVNNI = false
		f(Tier() + " without VNNI")
	}
	hasVNNI = vnni
}
