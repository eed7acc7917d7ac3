// Package allocs lets tests demand that something allocates nothing.
package allocs

import "testing"

// RequireNone fails t when f allocates in steady state: on the average of so many runs, after one
// more. Under the race detector it only runs f.
func RequireNone(t testing.TB, runs int, f func()) {
	t.Helper()
	if !counted {
		for range runs {
			f()
		}
		return
	}
	if n := testing.AllocsPerRun(runs, f); n != 0 {
		t.Fatalf("%v allocations a run", n)
	}
}
