// Package ode makes the trajectories that lassode learns from and is measured
// on: the systems of the training zoo, adaptive integrators for stiff and
// non-stiff equations, the mixture that turns them into an endless, reproducible
// source, and collections of trajectories on disk.
//
// # Concurrency and determinism
//
// Everything generated is a function of a seed and an index alone. The tables
// of families are safe for concurrent use; a [System] belongs to one goroutine,
// because its right-hand side may own scratch memory.
package ode

import (
	"math"
	"math/rand/v2"
)

// System is one draw from a family: an initial value problem x' = f(t, x),
// x(0) = X0, with all parameters fixed.
//
// A System belongs to one goroutine: RHS and Signal may reuse scratch memory
// that they captured. Two systems never share such memory.
type System struct {
	// Family is the name of the family that the system was drawn from.
	Family string
	// Names holds the channels' names, Dim long.
	Names []string
	// Dim is the number of state variables.
	Dim int
	// RHS writes f(t, x) into dx. x and dx are Dim long and do not overlap; RHS
	// must not keep or change x, must be a function of t and x alone, and must
	// not allocate. It may return non-finite values outside the domain of f;
	// the integrators then shorten the step or give up.
	RHS func(t float64, x, dx []float64)
	// X0 is the state at time 0, Dim long.
	X0 []float64
	// Span is a typical duration of interest in the system's own time: from a
	// fraction of a period to several periods. [Generate] measures the time
	// scale of the draw and stretches or shrinks it.
	Span float64
	// Stiff asks for the implicit integrator from the start. Stiffness that
	// shows up later is detected without it.
	Stiff bool
	// Signal is nil for a differential equation. A signal that solves no
	// equation (a family with Zoo number 33) has it in place of RHS and X0: it writes the
	// values at increasing times, row-major len(times) x Dim, into dst.
	Signal func(dst, times []float64)
	// free says that RHS does not depend on time, so that no step can miss a
	// pulse.
	free bool
	// cubic is what RHS computes where that is a random polynomial, with its input,
	// for the lanes.
	cubic *cubicField
}

// Family is a distribution over systems of one form.
type Family struct {
	// Name is unique among all families, lower case with hyphens.
	Name string
	// Zoo is the number of the family's kind: 1 to 28 for those of [Families], 29 to 33
	// for those of [RandomFamilies], all trained on; 0 for a held-out family, which
	// never is.
	Zoo int
	// Sample draws one system. All randomness comes from r, so that equal
	// generator states give equal systems. Safe for concurrent use with
	// different generators.
	Sample func(r *rand.Rand) System
}

// uniform draws from U[lo,hi].
func uniform(r *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }

// logUniform draws from L[lo,hi], lo > 0.
func logUniform(r *rand.Rand, lo, hi float64) float64 {
	return lo * math.Exp(math.Log(hi/lo)*r.Float64())
}

// sign draws -1 or +1.
func sign(r *rand.Rand) float64 {
	if r.Uint64()&1 == 0 {
		return -1
	}
	return 1
}
