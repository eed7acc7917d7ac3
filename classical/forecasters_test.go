package classical

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func named(t *testing.T, name string) Forecaster {
	t.Helper()
	f, err := ByName(name)
	require.NoError(t, err)
	require.Equal(t, name, f.Name())
	return f
}

func TestByName(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range All() {
		require.False(t, seen[f.Name()])
		seen[f.Name()] = true
		named(t, f.Name())
	}
	for _, want := range []string{"persistence", "mean", "linear-ar4", "linear-ar", "nvar", "dmd", "parroting", "gp", "auto"} {
		require.True(t, seen[want], want)
	}
	_, err := ByName("oracle")
	require.ErrorContains(t, err, "oracle")
	require.ErrorContains(t, err, "parroting")
}

func TestHindsight(t *testing.T) {
	truth := []float64{1, 2, math.NaN()}
	require.Equal(t, 1, Hindsight(truth, []float64{0, 0, 0}, []float64{1, 2.1, 99}, []float64{3, 3, 3}))
	require.Equal(t, -1, Hindsight(truth))
	require.Panics(t, func() { Hindsight(truth, []float64{1}) })
}

// Each forecaster must solve what it is made for.
func TestForecastersSolveTheirOwn(t *testing.T) {
	const n, ctx = 240, 120
	times := make([]float64, n)
	var tones, saw, jitterT, jitterX []float64
	r := rand.New(rand.NewPCG(5, 6))
	for i := range times {
		s := 0.05 * float64(i)
		times[i] = s
		tones = append(tones, math.Sin(3*s)+0.5*math.Cos(7.3*s)*math.Exp(-0.05*s), math.Cos(3*s))
		saw = append(saw, math.Mod(float64(i), 23), math.Abs(math.Mod(float64(i), 23)-9))
		u := s + 0.02*r.Float64()
		jitterT = append(jitterT, u)
		jitterX = append(jitterX, 4+math.Sin(2*u))
	}
	ml := testSystems()[3]
	mt, mx := rk4(ml.f, ml.x0, 60, n, 3)
	for _, tc := range []struct {
		name  string
		t, x  []float64
		c     int
		limit float64
	}{
		{"linear-ar", times, tones, 2, 1e-6},
		{"auto", times, tones, 2, 1e-6},
		{"dmd", times, tones, 2, 1e-6},
		{"linear-ar4", times, column(tones, 2, 1), 1, 1e-6},
		{"nvar", mt, mx, 3, 1e-3},
		{"auto", mt, mx, 3, 2e-2},
		{"parroting", times, saw, 2, 1e-6},
		{"gp", times, column(tones, 2, 1), 1, 5e-2},
		{"auto", jitterT, jitterX, 1, 1e-3},
		{"linear-ar", jitterT, jitterX, 1, 1e-3},
	} {
		dst := make([]float64, (n-ctx)*tc.c)
		named(t, tc.name).Forecast(dst, tc.t[:ctx], tc.x[:ctx*tc.c], tc.c, tc.t[ctx:])
		for j := 0; j < tc.c; j++ {
			require.Less(t, nmse(column(tc.x[ctx*tc.c:], tc.c, j), column(dst, tc.c, j)), tc.limit, "%s channel %d", tc.name, j)
		}
	}
}

func TestTrivialForecastersAndInside(t *testing.T) {
	times := []float64{0, 1, 2, 4}
	x := []float64{1, 10, 3, math.NaN(), 5, 30, 7, 20}
	at := []float64{9, 4.5, 0.5, 3}
	dst := make([]float64, 8)
	named(t, "persistence").Forecast(dst, times, x, 2, at)
	require.InDeltaSlice(t, []float64{7, 20, 7, 20, 2, 15, 6, 25}, dst, 1e-12)
	named(t, "mean").Forecast(dst, times, x, 2, at)
	require.InDeltaSlice(t, []float64{4, 20, 4, 20, 2, 15, 6, 25}, dst, 1e-12)
	named(t, "auto").Forecast(dst, times, x, 2, at)
	require.InDeltaSlice(t, []float64{2, 15, 6, 25}, dst[4:], 1e-12)
	require.Panics(t, func() { named(t, "auto").Forecast(dst[:3], times, x, 2, at) })
	require.Panics(t, func() { named(t, "gp").Forecast(dst, times[:2], x, 2, at) })
}

// The Gaussian process fills a gap in a smooth curve from both sides.
func TestProcessFillsGap(t *testing.T) {
	var times, x, at []float64
	for i := 0; i < 100; i++ {
		s := 0.1 * float64(i)
		if i >= 40 && i < 52 {
			at = append(at, s)
			continue
		}
		times, x = append(times, s), append(x, math.Sin(1.3*s)+0.2*s)
	}
	dst := make([]float64, len(at))
	named(t, "gp").Forecast(dst, times, x, 1, at)
	for i, s := range at {
		require.InDelta(t, math.Sin(1.3*s)+0.2*s, dst[i], 0.02)
	}
}

func TestForecastersOnDegenerateInput(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	fill := map[string]func(i int) float64{
		"zero":    func(int) float64 { return 0 },
		"missing": func(int) float64 { return math.NaN() },
		"huge":    func(int) float64 { return 1e308 * (2*r.Float64() - 1) },
		"growth":  func(i int) float64 { return math.Exp(float64(i)) },
		"sparse": func(int) float64 {
			if r.Float64() < 0.7 {
				return math.Inf(1)
			}
			return r.NormFloat64()
		},
	}
	names := []string{"zero", "missing", "huge", "growth", "sparse"}
	for _, f := range All() {
		for _, name := range names {
			for _, n := range []int{0, 1, 2, 3, 6, 40} {
				for _, c := range []int{1, 3} {
					x := make([]float64, n*c)
					for i := range x {
						x[i] = fill[name](i)
					}
					at := []float64{-3, 0, 0.5, float64(n), float64(n) + 20, 1e7, math.NaN()}
					dst := make([]float64, len(at)*c)
					f.Forecast(dst, ramp(n), x, c, at)
					for i, v := range dst {
						require.True(t, finite(v), "%s %s n=%d c=%d entry %d: %g", f.Name(), name, n, c, i, v)
					}
				}
			}
		}
	}
}

// Results depend on the arguments alone, not on what was forecast before.
func TestForecastersRepeat(t *testing.T) {
	times, x := benchData(60, 2)
	other, y := benchData(90, 3)
	at := []float64{61, 70, 12.5}
	for _, f := range All() {
		a, b := make([]float64, 6), make([]float64, 6)
		f.Forecast(a, times, x, 2, at)
		f.Forecast(make([]float64, 9), other, y, 3, at)
		f.Forecast(b, times, x, 2, at)
		require.Equal(t, a, b, f.Name())
	}
}

// solveNaive is Gaussian elimination with pivoting.
func solveNaive(a [][]float64, b []float64) []float64 {
	n := len(b)
	for i := 0; i < n; i++ {
		p := i
		for k := i + 1; k < n; k++ {
			if math.Abs(a[k][i]) > math.Abs(a[p][i]) {
				p = k
			}
		}
		a[i], a[p] = a[p], a[i]
		b[i], b[p] = b[p], b[i]
		for k := i + 1; k < n; k++ {
			m := a[k][i] / a[i][i]
			for j := i; j < n; j++ {
				a[k][j] -= m * a[i][j]
			}
			b[k] -= m * b[i]
		}
	}
	for i := n - 1; i >= 0; i-- {
		for j := i + 1; j < n; j++ {
			b[i] -= a[i][j] * b[j]
		}
		b[i] /= a[i][i]
	}
	return b
}

// Both routes of the ridge fit, and its folds, against normal equations solved
// directly.
func TestFitAgainstNormalEquations(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 11))
	for _, f := range []form{
		{order: 3, stride: 1}, {order: 20, stride: 1}, {order: 2, stride: 3},
		{poly: true, order: 2, stride: 1}, {poly: true, cubic: true, order: 2, stride: 1},
		{poly: true, cubic: true, order: 1, stride: 2}, {poly: true, order: 3, stride: 1},
	} {
		for _, n := range []int{16 + f.lags(), 90} {
			const c = 2
			g := grid{n: n, c: c, dt: 1, x: make([]float64, n*c), ok: make([]bool, n), gaps: true}
			for i := range g.x {
				g.x[i] = 2*r.Float64() - 1
			}
			for i := range g.ok {
				g.ok[i] = i != 2
			}
			var a arena
			g.setScales(&a)
			ends := []int{n, n - 3, n - 5}
			ridges := []float64{1e-2, 1}
			var eq normal
			eq.build(&a, f, &g, ends)
			var w [folds][]float64
			eq.ridgeLanes(&a, ridges, &w, 0, folds-1)
			p := f.features(c)
			for k, end := range ends {
				for q, ridge := range ridges {
					for j := 0; j < c; j++ {
						m := make([][]float64, p)
						for i := range m {
							m[i] = make([]float64, p)
							m[i][i] = ridge
						}
						b := make([]float64, p)
						phi := make([]float64, p)
						for s := f.lags(); s < end; s++ {
							if !rowOK(g.ok, s, f) {
								continue
							}
							f.lift(phi, g.x, s, c, &g)
							y := g.x[s*c+j]
							if f.poly {
								y -= g.x[(s-f.stride)*c+j]
							}
							for i := range m {
								for l := range m {
									m[i][l] += phi[i] * phi[l]
								}
								b[i] += phi[i] * y
							}
						}
						want, got, folded := solveNaive(m, b), make([]float64, p), make([]float64, p)
						byFold := eq.foldLanes(&a, ridge)
						for i := range got {
							got[i] = w[k][(j*eq.pp+i)*lanes+q]
							folded[i] = byFold[(j*eq.pp+i)*lanes+k]
						}
						require.InDeltaSlice(t, want, got, 1e-7, "%+v n=%d fold %d", f, n, k)
						require.InDeltaSlice(t, want, folded, 1e-7, "%+v n=%d fold %d", f, n, k)
					}
				}
			}
		}
	}
}

func TestBankContainsAuto(t *testing.T) {
	names := GuideNames()
	require.Len(t, names, NumGuides)
	b := NewBank()
	var ev [NumGuides]float64
	clean := 0
	for _, sys := range testSystems() {
		times, x := rk4(sys.f, sys.x0, sys.span, 200, len(sys.x0))
		c := len(sys.x0)
		at := []float64{times[110], times[150], times[199]}
		b.Fit(times[:100], x[:100*c], c, at[2])
		if !b.group(0).clean {
			continue // so fast that the bank takes it for noisy
		}
		clean++
		for _, pair := range [][2]string{{"linear-ar", "ar-validated"}} {
			dst := make([]float64, len(at)*c)
			named(t, pair[0]).Forecast(dst, times[:100], x[:100*c], c, at)
			for j := 0; j < c; j++ {
				for i, s := range at {
					b.Eval(ev[:], nil, j, s)
					require.InDelta(t, dst[i*c+j], ev[slices.Index(names, pair[1])], 1e-5*(1+math.Abs(dst[i*c+j])), "%s %s", sys.name, pair[0])
				}
			}
		}
	}
	require.Greater(t, clean, 8)
}

func TestBankContinuity(t *testing.T) {
	times, x := benchData(80, 2)
	end := times[79]
	b := NewBank()
	b.Fit(times, x, 2, 170)
	require.Less(t, b.Noise(0), 1e-2)
	var v, r, lo, hi [NumGuides]float64
	var in [NumInside]float64
	for j := 0; j < 2; j++ {
		b.Eval(v[:], nil, j, end)
		for i := range v {
			require.InDelta(t, x[79*2+j], v[i], 1e-12, guideNames[i])
		}
		for s := end + 0.01; s < 168; s += 0.37 {
			const h = 1e-5
			b.Eval(v[:], r[:], j, s)
			b.Eval(lo[:], nil, j, s-h)
			b.Eval(hi[:], nil, j, s+h)
			for i := range v {
				require.InDelta(t, (hi[i]-lo[i])/(2*h), r[i], 1e-3, "%s at %g", guideNames[i], s)
			}
		}
		for i, s := range times {
			b.Inside(in[:], nil, j, s)
			require.InDelta(t, x[i*2+j], in[0], 1e-9)
			require.InDelta(t, x[i*2+j], in[1], 0.02)
		}
		s := 33.4
		want := math.Sin(0.2*s+float64(j)) + 0.3*math.Sin(float64(j+2)*0.13*s)
		scale := (x[33*2+j] - x[32*2+j]) / ((math.Sin(0.2*33+float64(j)) + 0.3*math.Sin(float64(j+2)*0.13*33)) - (math.Sin(0.2*32+float64(j)) + 0.3*math.Sin(float64(j+2)*0.13*32)))
		at33 := math.Sin(0.2*33+float64(j)) + 0.3*math.Sin(float64(j+2)*0.13*33)
		b.Inside(in[:], nil, j, s)
		require.InDelta(t, x[33*2+j]+scale*(want-at33), in[0], 1e-4)
	}
}

func TestBankNoiseAndSmoothing(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	b := NewBank()
	for _, sigma := range []float64{0.01, 0.05, 0.1} {
		times, clean := benchData(120, 1)
		x := slices.Clone(clean)
		for i := range x {
			x[i] += sigma * r.NormFloat64()
		}
		b.Fit(times, x, 1, 200)
		require.InEpsilon(t, sigma, b.Noise(0), 0.4)
		var raw, smooth float64
		var in [NumInside]float64
		for i, s := range times {
			b.Inside(in[:], nil, 0, s)
			raw += (in[0] - clean[i]) * (in[0] - clean[i])
			smooth += (in[1] - clean[i]) * (in[1] - clean[i])
		}
		require.Less(t, smooth, raw)
		if sigma >= 0.05 {
			require.Less(t, smooth, 0.7*raw)
		}
	}
}

// A used bank gives the same bits as a new one.
func TestBankRepeats(t *testing.T) {
	times, x := benchData(70, 2)
	other, y := benchData(200, 5)
	used := NewBank()
	used.Fit(other, y, 5, 900)
	used.Fit(times, x, 2, 150)
	fresh := NewBank()
	fresh.Fit(times, x, 2, 150)
	fa, fb := make([]float32, NumGuides*NumFeatures), make([]float32, NumGuides*NumFeatures)
	var va, vb [NumGuides]float64
	for j := 0; j < 2; j++ {
		used.Features(fa, j)
		fresh.Features(fb, j)
		require.Equal(t, fb, fa)
		used.Eval(va[:], nil, j, 133.3)
		fresh.Eval(vb[:], nil, j, 133.3)
		require.Equal(t, vb, va)
	}
	require.Panics(t, func() { used.Eval(va[:], nil, 2, 100) })
	require.Panics(t, func() { used.Fit(times, x[1:], 2, 100) })
}

// More channels than one joint fit takes are fitted in groups.
func TestBankManyChannels(t *testing.T) {
	times, x := benchData(50, 70)
	b := NewBank()
	b.Fit(times, x, 70, 80)
	var v [NumGuides]float64
	for _, j := range []int{0, 63, 64, 69} {
		b.Eval(v[:], nil, j, times[49])
		require.InDelta(t, x[49*70+j], v[idARVal], 1e-9)
	}
}
