//go:build !(amd64 || arm64) || noasm

package asm

import "testing"

// eachTier runs f once: the reference is the only tier here.
func eachTier(_ testing.TB, f func(tier string)) { f(Tier()) }

// eachInt8 is eachTier for the product with integers.
func eachInt8(t testing.TB, f func(tier string)) { eachTier(t, f) }
