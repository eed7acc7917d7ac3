//go:build !(amd64 || arm64) || noasm

package asm

import "testing"

// eachTier runs f once: the reference is the only tier here.
func eachTier(_ testing.TB, f func(tier string)) { f(Tier()) }
