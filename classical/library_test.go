package classical

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// swing integrates a driven, damped, hardening oscillator with the midpoint
// rule: a system whose behaviour a short context does not determine.
func swing(x, v float64, rows int) (times, values []float64) {
	const dt, inner = .1, 20
	for i := range rows {
		t := dt * float64(i)
		times = append(times, t)
		values = append(values, x, v)
		for k := range inner {
			h := dt / inner
			s := t + h*float64(k)
			acc := func(x, v, s float64) float64 { return -.1*v - x - .5*x*x*x + .1*math.Sin(.3*s) }
			mx, mv := x+h/2*v, v+h/2*acc(x, v, s)
			x, v = x+h*mv, v+h*acc(mx, mv, s+h/2)
		}
	}
	return times, values
}

// TestLibraryHelps fits a short context with and without the runs of the same
// system, in other units of value and time.
func TestLibraryHelps(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	lib := NewLibrary(2)
	for range 8 {
		times, values := swing(2*r.NormFloat64(), 2*r.NormFloat64(), 120)
		require.True(t, lib.Add(times, values))
	}
	times, values := swing(1.5, -.5, 120)
	const seen = 24
	mid, half, unit := []float64{.3, -.2}, []float64{2, 3}, .5
	var ct, cv []float64
	for i := range seen {
		ct = append(ct, times[i]/unit)
		for c := range 2 {
			cv = append(cv, (values[i*2+c]-mid[c])/half[c])
		}
	}
	b := NewBank()
	least := func() (best float64) {
		b.Fit(ct, cv, 2, times[80]/unit)
		value, errs := make([]float64, NumGuides), make([]float32, NumGuides)
		b.LogError(0, errs)
		pick := 0
		for i, e := range errs {
			// The thin grid and the tail know nothing of the library.
			if e < errs[pick] && !strings.HasPrefix(guideNames[i], "thin-") && !strings.HasPrefix(guideNames[i], "tail-") {
				pick = i
			}
		}
		for i := seen; i < 80; i++ {
			b.Eval(value, nil, 0, times[i]/unit)
			best = max(best, math.Abs(mid[0]+half[0]*value[pick]-values[i*2]))
		}
		return best
	}
	alone := least()
	b.UseLibrary(lib, 1, mid, half, unit, -1)
	helped := least()
	require.Less(t, helped, .1)
	require.Less(t, helped, alone/3, "without library %v", alone)
	b.UseLibrary(nil, 0, nil, nil, 0, -1)
	require.Equal(t, alone, least(), "a library must leave no trace")

	// The same context run backwards in time, with the sign of the unit.
	for i := range ct {
		ct[i] = -times[seen-1-i] / unit
	}
	for i := 0; i < seen/2; i++ {
		for c := range 2 {
			j := seen - 1 - i
			cv[i*2+c], cv[j*2+c] = cv[j*2+c], cv[i*2+c]
		}
	}
	b.UseLibrary(lib, 1, mid, half, -unit, 3)
	b.Fit(ct, cv, 2, 0)
	for j, x := range b.groups[0].smooth.library {
		require.NotEmpty(t, x, "block %d", j)
	}
}

func TestLibraryRefusesEmptyRuns(t *testing.T) {
	lib := NewLibrary(1)
	nan := math.NaN()
	require.False(t, lib.Add(nil, nil))
	require.False(t, lib.Add([]float64{1, 2, 3, 4, 5}, []float64{1, nan, 2, nan, 3}))
	require.Panics(t, func() { lib.Add([]float64{1, 2}, []float64{1}) })
	b := NewBank()
	b.UseLibrary(lib, 1, []float64{0}, []float64{1}, 1, -1)
	b.Fit([]float64{1, 2, 3}, []float64{1, 2, 3}, 1, 5) // an empty library is none
}

// TestLibraryArranged: an arranged library holds the same curves under other numbers.
func TestLibraryArranged(t *testing.T) {
	l := NewLibrary(2)
	require.True(t, l.Add([]float64{0, 1, 2, 3, 4}, []float64{0, 7, 1, 5, 2, 7, 3, 8, 4, 9}))
	turned := l.Arranged([]int{1, 0})
	require.Equal(t, l.runs[0].channel[0], turned.runs[0].channel[1])
	require.Equal(t, l.runs[0].channel[1], turned.runs[0].channel[0])
	require.Equal(t, l, turned.Arranged([]int{1, 0}))
	require.Panics(t, func() { l.Arranged([]int{0}) })
}

// TestLibraryLeavesNoTrace: what a bank makes of a context with a library does not depend on
// what it was used for before.
func TestLibraryLeavesNoTrace(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	// A hardening spring, whose equation the rows show: what is learnt first.
	spring := func(rows int) (times, values []float64) {
		f := func(_ float64, x, dx []float64) { dx[0], dx[1] = x[1], -.1*x[1]-x[0]-x[0]*x[0]*x[0] }
		return rk4(f, []float64{r.NormFloat64(), r.NormFloat64()}, .2*float64(rows), rows, 2)
	}
	lib := NewLibrary(2)
	for range 8 {
		times, values := spring(60)
		require.True(t, lib.Add(times, values))
	}
	mid, half := []float64{.3, -.2}, []float64{2, 3}
	used := NewBank()
	for k := range 8 {
		seen := 20 + 7*k
		times, values := spring(seen)
		noise := .002 * float64(k%3)
		for i := range values {
			values[i] = (values[i]-mid[i%2])/half[i%2] + noise*r.NormFloat64()
		}
		skip := k - 1
		answer := func(b *Bank) (out []float64) {
			b.UseLibrary(lib, 1, mid, half, 1, skip)
			b.Fit(times, values, 2, 2*times[seen-1])
			value, rate, feats := make([]float64, NumGuides), make([]float64, NumGuides), make([]float32, NumGuides*NumFeatures)
			for c := range 2 {
				for _, share := range []float64{1.1, 1.9} {
					b.Eval(value, rate, c, share*times[seen-1])
					out = append(append(out, value...), rate...)
				}
				b.Features(feats, c)
				for _, v := range feats {
					out = append(out, float64(v))
				}
			}
			return out
		}
		require.Equal(t, answer(NewBank()), answer(used), "context %d", k)
	}
}

// TestLibraryOfManyRuns: up to sixteen runs share 768 rows, and of more, up to 64, each has 48.
func TestLibraryOfManyRuns(t *testing.T) {
	times, values := swing(1.5, -.5, 40)
	for _, c := range []struct{ runs, blocks, rows int }{{1, 6, 128}, {8, 8, 96}, {16, 16, 48}, {40, 40, 48}, {100, 64, 48}} {
		lib := NewLibrary(2)
		for i := range c.runs {
			times, values := swing(.1*float64(i), -.5, 400)
			require.True(t, lib.Add(times, values))
		}
		b := NewBank()
		b.UseLibrary(lib, 1, []float64{0, 0}, []float64{1, 1}, 1, -1)
		b.Fit(times, values, 2, times[len(times)-1]+2)
		g := &b.groups[0].smooth
		require.Len(t, g.library, c.blocks, "%d runs", c.runs)
		require.Len(t, g.library[0], 2*c.rows, "%d runs", c.runs)
		require.NotEqual(t, g.library[0], g.library[c.blocks-1])
	}
}
