package classical

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// nmse is the squared error over the variance of truth.
func nmse(truth, f []float64) float64 {
	var m, s, e float64
	for _, v := range truth {
		m += v
	}
	m /= float64(len(truth))
	for i, v := range truth {
		s += (v - m) * (v - m)
		e += (v - f[i]) * (v - f[i])
	}
	return e / (s + 1e-12)
}

// geometric is the geometric mean of errors.
func geometric(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += math.Log(x + 1e-6)
	}
	return math.Exp(s / float64(len(v)))
}

// column extracts channel j of c.
func column(x []float64, c, j int) []float64 {
	var out []float64
	for i := j; i < len(x); i += c {
		out = append(out, x[i])
	}
	return out
}

// TestQuality holds the forecasters and the bank to the errors measured when
// they were written, with a margin of two: half of each trajectory seen, all
// states and the first state alone.
func TestQuality(t *testing.T) {
	const n, ctx = 200, 100
	errs := map[string][]float64{}
	var pick, hindsight []float64
	b := NewBank()
	for _, sys := range testSystems() {
		for _, c := range []int{len(sys.x0), 1} {
			times, raw := rk4(sys.f, sys.x0, sys.span, n, c)
			x := scaled(raw, n, c, ctx)
			for _, f := range All() {
				if f.Name() == "gp" && c > 1 {
					continue
				}
				dst := make([]float64, (n-ctx)*c)
				f.Forecast(dst, times[:ctx], x[:ctx*c], c, times[ctx:])
				for j := 0; j < c; j++ {
					errs[f.Name()] = append(errs[f.Name()], nmse(column(x[ctx*c:], c, j), column(dst, c, j)))
				}
			}
			b.Fit(times[:ctx], x[:ctx*c], c, times[n-1])
			le := make([]float32, NumGuides)
			var ev [NumGuides]float64
			for j := 0; j < c; j++ {
				paths := make([][]float64, NumGuides)
				for i := ctx; i < n; i++ {
					b.Eval(ev[:], nil, j, times[i])
					for k, v := range ev {
						paths[k] = append(paths[k], v)
					}
				}
				truth := column(x[ctx*c:], c, j)
				b.LogError(j, le)
				pick = append(pick, nmse(truth, paths[slices.Index(le, slices.Min(le))]))
				hindsight = append(hindsight, nmse(truth, paths[Hindsight(truth, paths...)]))
			}
		}
	}
	for _, f := range All() {
		t.Logf("%-12s %.5f", f.Name(), geometric(errs[f.Name()]))
	}
	t.Logf("bank: least validation error %.5f, hindsight %.5f", geometric(pick), geometric(hindsight))
	require.Less(t, geometric(errs["auto"]), 0.02)
	require.Less(t, geometric(errs["linear-ar"]), 0.02)
	require.Less(t, geometric(errs["dmd"]), 0.1)
	require.Less(t, geometric(errs["parroting"]), 0.3)
	require.Less(t, geometric(errs["auto"]), geometric(errs["linear-ar4"]))
	require.Less(t, geometric(errs["auto"]), geometric(errs["persistence"]))
	require.Less(t, geometric(pick), 0.02)
	require.Less(t, geometric(hindsight), 0.002)
}
