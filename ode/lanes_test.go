package ode

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/asm"
)

// fusing says that the compiler fuses multiply-adds of Go code, which the lanes
// do not.
var fusing = !slices.Contains([]string{"amd64", "386", "wasm", "arm", "mips", "mipsle", "mips64", "mips64le"}, runtime.GOARCH)

// laneIndices lists the first n trajectories of a seed that are random polynomials.
func laneIndices(seed uint64, n int) []int {
	var all []int
	for i := 0; len(all) < n; i++ {
		r, _ := drawChannels(seed, i, trainStream)
		if mixture[drawPart(r)].name == "random-polynomial" {
			all = append(all, i)
		}
	}
	return all
}

type made struct {
	s lassode.Series
	p Provenance
}

// inLanes makes trajectories together, in the order given.
func inLanes(seed uint64, indices []int) map[int]made {
	out := map[int]made{}
	var r laneRunner
	for _, i := range indices {
		r.launch(seed, i, func(s lassode.Series, p Provenance) { out[i] = made{s, p} })
	}
	r.drain()
	return out
}

// TestLanesDoNotMeet: a trajectory has the same bits alone in the lanes, among
// others, among others in another order, and made without lanes.
func TestLanesDoNotMeet(t *testing.T) {
	n := 160
	if testing.Short() {
		n = 60
	}
	indices := laneIndices(17, n)
	together := inLanes(17, indices)
	require.Len(t, together, n)
	attempts := 0
	for k, i := range indices {
		if k%4 == 0 {
			require.Equal(t, inLanes(17, []int{i})[i], together[i], "index %d alone", i)
		}
		attempts += together[i].p.Attempts
		if !fusing {
			s, p := Generate(17, i)
			require.Equal(t, made{s, p}, together[i], "index %d without lanes", i)
		}
	}
	require.Greater(t, attempts, 4*n, "many draws are refused")
	slices.Reverse(indices)
	require.Equal(t, together, inLanes(17, indices))
}

// TestLanesAgainstIntegrator compares integrations in lanes with those of the
// integrator, in all dimensions, with inputs, bounds, step limits and stiffness.
func TestLanesAgainstIntegrator(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 29))
	var ended [6]int
	same, stiff, forced := 0, 0, 0
	type run struct {
		s     System
		times []float64
		opt   Options
		w     Integrator
		dst   []float64
		err   error
		job   laneJob
		lane  bool
	}
	for n := 1; n <= asm.MaxCubic; n++ {
		group := newLaneGroup(n)
		runs := make([]*run, 60)
		for k := range runs {
			s := randomPolynomial(r, n)
			if k%10 == 9 { // a fast component makes it stiff
				fast := s.cubic.terms[:s.cubic.ends[0]]
				for i := range fast {
					fast[i].c *= 3e3
				}
			}
			if s.cubic.input != nil {
				forced++
			}
			q := &run{s: s, times: make([]float64, 41), opt: Options{RTol: 1e-5, ATol: 1e-6, Bound: 100, MaxSteps: 400}}
			for i := range q.times {
				q.times[i] = s.Span * float64(i) / float64(len(q.times)-1)
			}
			q.dst = make([]float64, n*len(q.times))
			q.job = laneJob{w: &q.w, field: s.cubic}
			q.job.h, q.lane, q.err = q.w.begin(q.dst, s.RHS, s.X0, 0, q.times, q.opt)
			if q.lane {
				group.waiting = append(group.waiting, &q.job)
			}
			runs[k] = q
		}
		var done []*laneJob
		for group.used != 0 || len(group.waiting) > 0 {
			for l := range group.jobs {
				if group.jobs[l] == nil && len(group.waiting) > 0 {
					group.load(l, group.waiting[0])
					group.waiting = group.waiting[1:]
				}
			}
			done = group.step(done)
		}
		for _, q := range runs {
			if q.lane {
				if q.err = q.job.err; q.job.stiff {
					stiff++
					q.err = q.w.stiffly(q.job.h)
				}
			}
			want := make([]float64, len(q.dst))
			var alone Integrator
			st, wantErr := alone.Solve(want, q.s.RHS, q.s.X0, 0, q.times, q.opt)
			for i, e := range []error{nil, ErrSteps, ErrStepSize, ErrBound} {
				if wantErr == e {
					ended[i]++
				}
			}
			if fusing {
				if wantErr == nil && q.err == nil {
					for i, v := range want {
						require.InDelta(t, v, q.dst[i], 2e-2*(1+math.Abs(v)))
					}
					same++
				}
				continue
			}
			require.Equal(t, wantErr, q.err)
			require.Equal(t, st, q.w.st)
			require.Equal(t, want, q.dst)
			same++
		}
	}
	require.Greater(t, same, 100)
	require.Greater(t, ended[0], 40)
	require.Greater(t, ended[3], 40, "runs away")
	require.Greater(t, forced, 60)
	t.Logf("%d the same; ended %v (well, steps, step size, bound), %d became stiff, %d with an input", same, ended[:4], stiff, forced)
}

// The hot loop must not allocate: a group steps full lanes.
func TestLaneStepAllocatesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 31))
	times := []float64{1e9}
	group := newLaneGroup(3)
	for l := range asm.StepLanes {
		s := randomPolynomial(r, 3)
		s.cubic.terms, s.cubic.ends = []cubicTerm{{c: 1, m: 2, i: 1, j: 3, k: 3}, {c: -1, m: 1, i: 0, j: 3, k: 3}}, [asm.MaxCubic]uint8{1, 2, 2}
		w := new(Integrator)
		h, more, err := w.begin(make([]float64, 3), s.RHS, s.X0, 0, times, Options{RTol: 1e-5, ATol: 1e-6, MaxStep: .1, MaxSteps: 1 << 30})
		require.NoError(t, err)
		require.True(t, more)
		group.load(l, &laneJob{w: w, field: s.cubic, h: h})
	}
	var done []*laneJob
	requireNoAllocs(t, 100, func() { done = group.step(done) })
	require.Empty(t, done)
}

// BenchmarkLanes makes trajectories of collections in one goroutine with and
// without lanes.
func BenchmarkLanes(b *testing.B) {
	list := laneIndices(5, 4096)
	for _, part := range []string{"random-polynomial", "all"} {
		for _, lanes := range []bool{false, true} {
			b.Run(fmt.Sprintf("part=%s/lanes=%t", part, lanes), func(b *testing.B) {
				bytes, n := 0, 0
				emit := func(s lassode.Series, _ Provenance) { bytes += 4 * len(s.Times) * (1 + s.Channels()) }
				at := func(n int) int {
					if part == "all" {
						return n
					}
					return list[n%len(list)]
				}
				if lanes {
					generateAll(5, func() (int, bool) { n++; return at(n - 1), b.Loop() }, emit)
				} else {
					for ; b.Loop(); n++ {
						emit(Generate(5, at(n)))
					}
				}
				b.ReportMetric(float64(bytes)/1e6/b.Elapsed().Seconds(), "MB/s")
			})
		}
	}
}
