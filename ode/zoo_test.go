package ode

import (
	"crypto/sha256"
	"fmt"
	"math"
	"runtime"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode"
)

// count swings of a column, as the generator does.
func swingsOf(s lassode.Series, c int) float64 {
	lo, hi, tv := math.Inf(1), math.Inf(-1), 0.0
	for i, row := range s.Values {
		lo, hi = min(lo, row[c]), max(hi, row[c])
		if i > 0 {
			tv += math.Abs(row[c] - s.Values[i-1][c])
		}
	}
	return 0.5 * tv / (hi - lo)
}

// The distribution of the mixture: run with -v for the table.
func TestGenerateDistribution(t *testing.T) {
	n := 250
	if testing.Short() {
		n = 100
	}
	type row struct {
		kept, attempts int
		spent          time.Duration
	}
	families := map[string]*row{}
	channels := make([]int, MaxGeneratedChannels+1)
	var periods []float64
	var total time.Duration
	byZoo := map[string]int{}
	attempts, slow := 0, 0
	for i := range n {
		from := time.Now()
		s, p := Generate(1, i)
		spent := time.Since(from)
		total += spent
		if spent > 20*time.Millisecond {
			slow++
		}
		require.NoError(t, s.Validate())
		chaotic := strings.HasPrefix(p.Family, "chaotic-")
		if chaotic {
			require.InDelta(t, 750, len(s.Times), 460)
		} else {
			require.Len(t, s.Times, Samples)
		}
		require.Equal(t, Zoo{Seed: 1, N: n}.Channels(i), s.Channels())
		require.NotEmpty(t, p.Family)
		channels[s.Channels()]++
		f := families[p.Family]
		if f == nil {
			f = new(row)
			families[p.Family] = f
		}
		f.kept++
		f.attempts += p.Attempts
		f.spent += spent
		attempts += p.Attempts
		for c := range s.Channels() {
			w := swingsOf(s, c)
			require.Greater(t, w, 0.0)
			if p.Zoo != 33 && !chaotic {
				require.Less(t, w, maxSwings+1.0, p.Family)
				periods = append(periods, w)
			}
		}
		for k, v := range s.Times {
			require.Equal(t, v, float64(float32(v)), "times are exact in float32")
			for _, x := range s.Values[k] {
				require.Equal(t, x, float64(float32(x)))
				require.Less(t, math.Abs(x), 1e4)
			}
		}
		switch {
		case chaotic:
			byZoo["chaotic"]++
		case p.Zoo <= 28:
			byZoo["named"]++
		default:
			byZoo[p.Family]++
		}
	}
	names := make([]string, 0, len(families))
	for name := range families {
		names = append(names, name)
	}
	sort.Strings(names)
	t.Logf("%d trajectories, %d draws (%.0f %% kept), %.2f ms each, %d over 20 ms", n, attempts, 100*float64(n)/float64(attempts), total.Seconds()*1e3/float64(n), slow)
	t.Logf("channels, 1 first: %v; parts: %v", channels[1:], byZoo)
	sort.Float64s(periods)
	for _, q := range []float64{0.05, 0.25, 0.5, 0.75, 0.95} {
		t.Logf("periods per channel, quantile %.2f: %.2f", q, periods[int(q*float64(len(periods)))])
	}
	for _, name := range names {
		f := families[name]
		t.Logf("%-28s kept %4d  draws per kept %6.1f  ms per kept %6.2f", name, f.kept, float64(f.attempts)/float64(f.kept), f.spent.Seconds()*1e3/float64(f.kept))
	}
	// Every part of the mixture near its weight (five standard deviations).
	for _, m := range mixture {
		want := m.weight * float64(n)
		require.InDelta(t, want, float64(byZoo[m.name]), 5*math.Sqrt(want)+3, m.name)
	}
	require.Less(t, periods[len(periods)/20], 1.0, "some fractions of a period")
	require.Greater(t, periods[len(periods)*19/20], 4.0, "some with many periods")
}

func TestGenerateDependsOnSeedAndIndexAlone(t *testing.T) {
	const n = 40
	alone := make([]lassode.Series, n)
	for i := range alone {
		alone[i], _ = Generate(7, i)
	}
	old := runtime.GOMAXPROCS(4)
	defer runtime.GOMAXPROCS(old)
	together := make([]lassode.Series, n)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := n - 1 - worker; i >= 0; i -= 4 {
				together[i], _ = Generate(7, i)
			}
		})
	}
	wg.Wait()
	require.Equal(t, alone, together)
	other, _ := Generate(8, 0)
	require.NotEqual(t, alone[0].Values, other.Values)
	require.NotEqual(t, alone[0].Values, alone[1].Values)
}

// A new version of the zoo comes with a new hash here. Machines that round
// differently take different steps, so that values agree in few digits, or in
// none where the system is chaotic; what is drawn and what is kept agrees.
func TestZooVersion(t *testing.T) {
	h := sha256.New()
	for i := range 100 {
		_, p := Generate(9, i)
		fmt.Fprintf(h, "%s %d %d\n", p.Family, p.Attempts, p.Dim)
	}
	require.Equal(t, "4 5a964bcd129df1d6", fmt.Sprintf("%d %x", zooVersion, h.Sum(nil)[:8]), "raise zooVersion when draws or rejections change")
}

// Trajectories of many channels must be systems too, not what the draw falls back on.
func TestManyChannels(t *testing.T) {
	z := Zoo{Seed: 5, N: 1 << 20}
	families := map[string]int{}
	made := 0
	for i := 0; made < 40; i++ {
		if z.Channels(i) < MaxGeneratedChannels-1 {
			continue
		}
		made++
		s, p := Generate(z.Seed, i)
		require.NoError(t, s.Validate())
		require.Equal(t, z.Channels(i), s.Channels())
		families[p.Family]++
	}
	require.Greater(t, len(families), 8)
	require.Less(t, families["signal"], 10)
	require.Less(t, families["random-neural"], 20)
}

func TestZooIsASource(t *testing.T) {
	var z lassode.Source = Zoo{Seed: 3, N: 5}
	require.Equal(t, 5, z.Len())
	s, err := z.At(4)
	require.NoError(t, err)
	require.Equal(t, z.Channels(4), s.Channels())
	_, err = z.At(5)
	require.Error(t, err)
	_, err = z.At(-1)
	require.Error(t, err)
	require.Len(t, ZooHash(), 16)
	require.Equal(t, ZooHash(), ZooHash())
}

func TestEvaluationSets(t *testing.T) {
	in := InDomain(1, 20)
	require.Len(t, in, 20)
	for _, tr := range in {
		require.NoError(t, tr.Series.Validate())
		require.Len(t, tr.Series.Times, EvalSamples)
		require.NotEqual(t, "signal", tr.Family)
	}
	require.Equal(t, in, InDomain(1, 20))
	held := HeldOutTrajectories(1, 2)
	require.Len(t, held, 2*len(HeldOut()))
	trained := map[string]bool{}
	for _, list := range [][]Family{Families(), RandomFamilies()} {
		for _, f := range list {
			require.False(t, trained[f.Name], "%s twice", f.Name)
			trained[f.Name] = true
			require.NotZero(t, f.Zoo)
		}
	}
	for _, tr := range held {
		require.NoError(t, tr.Series.Validate())
		require.Len(t, tr.Series.Times, EvalSamples)
		require.False(t, trained[tr.Family], tr.Family)
	}
	require.Equal(t, held, HeldOutTrajectories(1, 2))
}

// The gate must refuse what any forecaster solves and keep what moves.
func TestJudge(t *testing.T) {
	var g generator
	const n = 301
	look := func(f func(t float64) float64) verdict {
		g.reserve(n, 2)
		for i := range n {
			g.values[2*i+1] = f(float64(i) / (n - 1))
		}
		return g.judge(1, 2, n, false)
	}
	require.Equal(t, good, look(func(t float64) float64 { return math.Sin(9 * t) }))
	require.Equal(t, good, look(func(t float64) float64 { return math.Exp(-2 * t) }))
	require.Equal(t, dull, look(func(t float64) float64 { return 3 }))
	require.Equal(t, dull, look(func(t float64) float64 { return 3 + 1e-4*math.Sin(9*t) }))
	require.Equal(t, dull, look(func(t float64) float64 { return 3*t - 1 + 0.001*math.Sin(9*t) }))
	require.Equal(t, dull, look(func(t float64) float64 { return math.Sin(600 * t) }))
	require.Equal(t, dull, look(func(t float64) float64 { return 1 / (t - 0.5) }))
	require.Equal(t, resting, look(func(t float64) float64 { return math.Exp(-30 * t) }))
}

// Couplings start from halves of unit flow.
func TestNormalise(t *testing.T) {
	s := System{Names: []string{"x", "v"}, Dim: 2, X0: []float64{500, 0}, Span: 0.2,
		RHS: func(t float64, x, dx []float64) { dx[0], dx[1] = x[1], -1e4*x[0]-20*x[1]+1e6*math.Sin(130*t) }}
	u, ok := normalise(s)
	require.True(t, ok)
	z := make([]float64, 2)
	for i, v := range s.X0 {
		z[i] = (v - u.mean[i]) / u.std[i]
	}
	times := grid(0, s.Span/u.speed, 400)
	rows, err := Integrate(u.rhs, z, 0, times, Options{})
	require.NoError(t, err)
	dz := make([]float64, 2)
	var flow, size float64
	for i, row := range rows {
		u.rhs(times[i], row, dz)
		for c := range 2 {
			flow += dz[c] * dz[c] / 800
			size += row[c] * row[c] / 800
		}
	}
	require.InDelta(t, 1, math.Sqrt(flow), 0.1)
	require.InDelta(t, 1, math.Sqrt(size), 0.1)
	still := s
	still.RHS = func(_ float64, _, dx []float64) { dx[0], dx[1] = 0, 0 }
	_, ok = normalise(still)
	require.False(t, ok)
}

// BenchmarkGenerate reports the rate of generation in bytes of the trajectories'
// times and values in float32, as a collection stores them, for the mixture and
// for each of its parts.
func BenchmarkGenerate(b *testing.B) {
	for part := -1; part < len(mixture); part++ {
		name := "part=all"
		if part >= 0 {
			name = "part=" + mixture[part].name
		}
		b.Run(name, func(b *testing.B) {
			bytes, draws, n := 0, 0, 0
			for b.Loop() {
				s, p := generate(5, n, trainStream, Samples, part)
				bytes += 4 * len(s.Times) * (1 + s.Channels())
				draws += p.Attempts
				n++
			}
			b.ReportMetric(float64(bytes)/1e6/b.Elapsed().Seconds(), "MB/s")
			b.ReportMetric(float64(draws)/float64(n), "draws")
		})
	}
}
