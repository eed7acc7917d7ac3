//go:build race

package ode

import "testing"

// requireNoAllocs only runs f under the race detector: sync.Pool then drops
// entries at random and asm reports its ranges, so that allocations mean nothing.
func requireNoAllocs(t *testing.T, runs int, f func()) {
	t.Helper()
	for range runs {
		f()
	}
}
