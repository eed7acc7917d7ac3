package ode

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	searchShare = flag.Float64("search", 0, "search this share of the trials behind chaotic.txt and write the file (go generate)")
	searchOut   = flag.String("search-out", "chaotic.txt", "file that -search writes")
	searchAgain = flag.Bool("search-again", false, "with -search: only the trials of the present table")
	searchForms = flag.String("search-forms", "012", "forms that -search looks at")
)

// Numbers of trials behind chaotic.txt, by form.
var searchTrials = [chaoticForms]int{600000, 90000, 150000}

const tableHead = `# Chaotic systems found by SearchChaotic. Written by go generate; do not edit.
# form trial dimension period exponent-per-period
`

// TestSearchChaotic repeats the search; it takes some ten minutes of CPU
// time and runs only with -search.
func TestSearchChaotic(t *testing.T) {
	if *searchShare == 0 {
		t.Skip("only with -search")
	}
	var found []Founder
	var mu sync.Mutex
	var wg sync.WaitGroup
	const chunk = 500
	type job struct{ form, from, count int }
	jobs := make(chan job)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for j := range jobs {
				err := SearchChaotic(chaoticNames[j.form], uint64(j.from), j.count, func(f Founder) bool {
					mu.Lock()
					defer mu.Unlock()
					found = append(found, f)
					return true
				})
				if err != nil {
					t.Error(err)
				}
				if j.from%(20*chunk) == 0 {
					mu.Lock()
					writeFounders(t, found)
					mu.Unlock()
				}
			}
		})
	}
	if *searchAgain {
		for _, f := range Founders() {
			jobs <- job{f.form, int(f.Trial), 1}
		}
	}
	for form, n := range searchTrials {
		if *searchAgain || !strings.Contains(*searchForms, fmt.Sprint(form)) {
			continue
		}
		for from := 0; from < int(*searchShare*float64(n)); from += chunk {
			jobs <- job{form, from, chunk}
		}
	}
	close(jobs)
	wg.Wait()
	writeFounders(t, found)
}

func writeFounders(t *testing.T, found []Founder) {
	sort.Slice(found, func(i, j int) bool {
		a, b := found[i], found[j]
		return a.form < b.form || a.form == b.form && a.Trial < b.Trial
	})
	var b strings.Builder
	b.WriteString(tableHead)
	for _, f := range found {
		b.WriteString(f.line() + "\n")
	}
	require.NoError(t, os.WriteFile(*searchOut, []byte(b.String()), 0o644))
}

// founderDims is the most variables of a founder.
const founderDims = 6

func TestFoundersTable(t *testing.T) {
	all := Founders()
	require.GreaterOrEqual(t, len(all), 2000)
	var byForm, heldOut [chaoticForms]int
	for i, f := range all {
		if i > 0 {
			last := all[i-1]
			require.True(t, f.form > last.form || f.form == last.form && f.Trial > last.Trial, "line %d", i)
		}
		require.GreaterOrEqual(t, f.Dim, 3)
		require.LessOrEqual(t, f.Dim, founderDims)
		require.Greater(t, f.Exponent, leastExponent*0.99)
		require.Less(t, f.Trial, uint64(searchTrials[f.form]))
		byForm[f.form]++
		if f.HeldOut {
			heldOut[f.form]++
		}
	}
	t.Logf("founders %v of %v trials, held out %v", byForm, searchTrials, heldOut)
	for form, n := range byForm {
		require.InDelta(t, 0.1*float64(n), heldOut[form], 4*math.Sqrt(0.1*float64(n)))
	}
	for d, list := range chaoticFounders().train {
		require.Equal(t, d <= founderDims, len(list) > 100, "%d channels", d)
		for _, f := range list {
			require.False(t, f.HeldOut)
			require.GreaterOrEqual(t, f.Dim, d)
		}
	}
	for _, f := range all[len(all)-2:] {
		again, err := parseFounders(f.line())
		require.NoError(t, err)
		require.Equal(t, []Founder{f}, again)
	}
	for _, bad := range []string{"1 2 3\n", "3 1 3 1 1\n", "0 -1 3 1 1\n", "0 1 3 x 1\n", "0 1 3 0 1\n", "2 1 4 1 1\n", "0 1 3 1 1 0 0 0 0 0 0\n"} {
		_, err := parseFounders(bad)
		require.Error(t, err, bad)
	}
}

// A founder is stored as the number of its draw, so the draws must never
// change. Five digits of sums over the parameters leave room for machines that
// round differently.
func TestFoundersAreFrozen(t *testing.T) {
	h := sha256.New()
	for _, f := range Founders() {
		c := f.field()
		require.Equal(t, f.Dim, c.dim)
		var sum float64
		for i, v := range append(c.p, c.x0...) {
			sum += v * float64(1+i%7)
		}
		fmt.Fprintf(h, "%d %.5g\n", len(c.p), sum)
	}
	require.Equal(t, "c0645a8bf32cc081", hex.EncodeToString(h.Sum(nil)[:8]))
	// Halves measured before give the same field.
	checked := 0
	for _, f := range Founders() {
		if f.form == chaoticCoupled {
			a, halves := drawChaos(f.form, f.Trial, nil)
			b := f.field()
			require.Equal(t, f.halves, halves)
			require.Equal(t, a.p, b.p)
			require.Equal(t, a.x0, b.x0)
			da, db := make([]float64, f.Dim), make([]float64, f.Dim)
			a.rhs(a.x0, da)
			b.rhs(b.x0, db)
			require.Equal(t, da, db)
			if checked++; checked == 20 {
				break
			}
		}
	}
}

// Some founders again, from other initial states and with a tighter tolerance.
func TestFoundersAreChaotic(t *testing.T) {
	var c chaosRun
	all := Founders()
	each := 3
	if testing.Short() {
		each = 1
	}
	for form := range chaoticForms {
		var list []Founder
		for _, f := range all {
			if f.form == form {
				list = append(list, f)
			}
		}
		for k := range each {
			f := list[(2*k+1)*len(list)/(2*each)]
			field := f.field()
			for i := range field.x0 {
				field.x0[i] *= 1.01
			}
			opt := Options{RTol: 1e-6, ATol: 1e-8, Bound: 100}
			require.True(t, c.attract(field, field.x0, 100*f.Period, 0.1, 2, opt), "%+v", f)
			lambda, stderr, ok := c.exponent(field, c.state, 5*f.Period, 60, 400, 1e-6)
			require.True(t, ok)
			lambda, stderr = lambda*f.Period, stderr*f.Period
			t.Logf("%s %d: exponent %.3f ± %.3f per period, stored %.3f", f.Family, f.Trial, lambda, stderr, f.Exponent)
			require.Greater(t, lambda, 3*stderr)
			require.InDelta(t, f.Exponent, lambda, 5*stderr+0.3*f.Exponent)
		}
	}
}

// The estimate against published exponents. These systems are never trained on.
func TestExponentOfKnownSystems(t *testing.T) {
	var c chaosRun
	field := func(n int, rhs func(x, dx []float64)) *chaosField {
		x0 := make([]float64, n)
		for i := range x0 {
			x0[i] = 1 + 0.1*float64(i)
		}
		return &chaosField{dim: n, x0: x0, rhs: rhs}
	}
	lorenz := field(3, func(x, dx []float64) {
		dx[0], dx[1], dx[2] = 10*(x[1]-x[0]), x[0]*(28-x[2])-x[1], x[0]*x[1]-8.0/3*x[2]
	})
	vanDerPol := field(2, func(x, dx []float64) { dx[0], dx[1] = x[1], (1-x[0]*x[0])*x[1]-x[0] })
	torus := field(4, func(x, dx []float64) {
		for i := 0; i < 4; i += 2 {
			w, n := 1+0.618034*float64(i)/2, 1-x[i]*x[i]-x[i+1]*x[i+1]
			dx[i], dx[i+1] = n*x[i]-w*x[i+1], n*x[i+1]+w*x[i]
		}
	})
	for _, k := range []struct {
		name         string
		f            *chaosField
		want, period float64
		repeats      bool
	}{{"Lorenz", lorenz, 0.9056, 2.18, false}, {"limit cycle", vanDerPol, 0, 6.66, true}, {"torus", torus, 0, 4.94, true}} {
		// The lobes of Lorenz change at random: a long run for its period.
		require.True(t, c.attract(k.f, k.f.x0, 1500, 0.8, 24001, Options{}), k.name)
		p := meanPeriod(c.values, k.f.dim, 1200.0/24000)
		require.InEpsilon(t, k.period, p, 0.15, k.name)
		require.Equal(t, k.repeats, repeats(c.values, k.f.dim), k.name)
		lambda, stderr, ok := c.exponent(k.f, c.state, 5*p, 100, 2000, 1e-6)
		require.True(t, ok, k.name)
		t.Logf("%s: %.4f ± %.4f, want %.4f; period %.3f", k.name, lambda, stderr, k.want, p)
		require.InDelta(t, k.want, lambda, 4*stderr+0.004, k.name)
		if k.want == 0 {
			require.Less(t, lambda*p, leastExponent, k.name)
		}
	}
}

// The search finds a stored founder again. Machines round differently, so
// averages over a chaotic run agree only in part.
func TestSearchFindsFounders(t *testing.T) {
	require.Error(t, SearchChaotic("unknown", 0, 1, nil))
	for form := range chaoticForms {
		want := Founders()[0]
		for _, f := range Founders() {
			if want = f; f.form == form && f.Trial >= 5 {
				break
			}
		}
		search := func() (got []Founder) {
			require.NoError(t, SearchChaotic(want.Family, want.Trial-3, 10, func(f Founder) bool {
				got = append(got, f)
				return f.Trial < want.Trial
			}))
			return got
		}
		got := search()
		require.Len(t, got, 1)
		f := got[0]
		require.InEpsilon(t, want.Period, f.Period, 0.25)
		require.InEpsilon(t, want.Exponent, f.Exponent, 0.35)
		f.Period, f.Exponent = want.Period, want.Exponent
		require.Equal(t, want, f)
		if form == chaoticPolynomial { // the cheapest
			require.Equal(t, got, search())
		}
	}
}

func TestChaoticTrajectories(t *testing.T) {
	part := -1
	for i, m := range mixture {
		if m.name == "chaotic" {
			part = i
		}
	}
	rows, repeated := 0, 0
	for i := range 60 {
		s, p := generate(3, i, trainStream, Samples, part)
		require.NoError(t, s.Validate())
		if s.Channels() > founderDims {
			require.False(t, strings.HasPrefix(p.Family, "chaotic-"), p.Family)
			continue
		}
		require.True(t, strings.HasPrefix(p.Family, "chaotic-"), p.Family)
		require.Contains(t, []int{29, 31, 32}, p.Zoo)
		require.GreaterOrEqual(t, len(s.Times), 299)
		require.LessOrEqual(t, len(s.Times), maxChaoticRows)
		rows += len(s.Times)
		flat := make([]float64, 0, len(s.Times)*s.Channels())
		for _, row := range s.Values {
			flat = append(flat, row...)
		}
		period := meanPeriod(flat, s.Channels(), 1)
		if period == 0 || period < 15 || period > 150 {
			repeated++ // a channel that wanders, or a window that is not typical
		}
	}
	require.Less(t, repeated, 12)
	require.InDelta(t, 800, rows/60, 250)
	s, p := generate(3, 1, evalStream, EvalSamples, part)
	require.Len(t, s.Times, EvalSamples, p.Family)

	held := ChaoticHeldOut(1, 12)
	require.Len(t, held, 12)
	for _, tr := range held {
		require.NoError(t, tr.Series.Validate())
		require.Len(t, tr.Series.Times, ChaoticContext+ChaoticTarget)
		require.GreaterOrEqual(t, tr.Series.Channels(), 3)
	}
	require.Equal(t, held, ChaoticHeldOut(1, 12))
	require.Empty(t, ChaoticHeldOut(1, -1))
	require.Empty(t, InDomain(1, -1))
	require.Equal(t, held[:5], ChaoticHeldOut(1, 5))
	require.NotEqual(t, held, ChaoticHeldOut(2, 12))
}

func TestUnseenKinds(t *testing.T) {
	trained := map[string]bool{}
	for _, list := range [][]Family{Families(), RandomFamilies(), HeldOut()} {
		for _, f := range list {
			trained[f.Name] = true
		}
	}
	for _, f := range UnseenFamilies() {
		require.False(t, trained[f.Name])
		require.Zero(t, f.Zoo)
	}
	set := UnseenKinds(1, 8)
	require.Len(t, set, 8*len(UnseenFamilies()))
	for _, tr := range set {
		require.NoError(t, tr.Series.Validate())
		require.Len(t, tr.Series.Times, EvalSamples)
		require.GreaterOrEqual(t, tr.Series.Channels(), 2)
		require.Len(t, tr.Series.Names, tr.Series.Channels())
	}
	require.Equal(t, set, UnseenKinds(1, 8))
}

// The right-hand sides of random systems and the integrators must not allocate.
func TestRandomSystemsDoNotAllocate(t *testing.T) {
	var w Integrator
	times := grid(0, 0.5, 11)
	r := rand.New(rand.NewPCG(1, 1))
	check := func(name string, n int, rhs func(float64, []float64, []float64), x0 []float64) {
		dst := make([]float64, len(times)*n)
		for _, m := range []Method{Explicit, Explicit8, Implicit} {
			opt := Options{Method: m, RTol: 1e-5, MaxSteps: 200}
			require.Zero(t, testing.AllocsPerRun(2, func() { _, _ = w.Solve(dst, rhs, x0, 0, times, opt) }), name)
		}
	}
	for _, f := range append(RandomFamilies(), UnseenFamilies()...) {
		if s := f.Sample(r); s.Signal == nil {
			check(f.Name, s.Dim, s.RHS, s.X0)
		}
	}
	for form, name := range chaoticNames {
		f, _ := drawChaos(form, 7, nil)
		check(name, f.dim, f.time, f.x0)
	}
}

func BenchmarkSearchChaotic(b *testing.B) {
	for _, name := range chaoticNames {
		b.Run("form="+name, func(b *testing.B) {
			trial := uint64(1) << 40
			for b.Loop() {
				_ = SearchChaotic(name, trial, 1, func(Founder) bool { return true })
				trial++
			}
		})
	}
}

// A founder's system is its field: bounded, moving, and free of time.
func TestFounderSystem(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Founders() {
		if seen[f.Family] {
			continue
		}
		seen[f.Family] = true
		s := f.System()
		require.Equal(t, f.Family, s.Family)
		require.Len(t, s.X0, f.Dim)
		require.Len(t, s.Names, f.Dim)
		require.InDelta(t, 10*f.Period, s.Span, 1e-12)
		dx, later := make([]float64, s.Dim), make([]float64, s.Dim)
		s.RHS(0, s.X0, dx)
		s.RHS(1e3, s.X0, later)
		require.Equal(t, dx, later)
		rows, err := Integrate(s.RHS, s.X0, 0, []float64{s.Span / 2, s.Span}, Options{Bound: 100})
		require.NoError(t, err, f.Family)
		require.NotEqual(t, rows[0], rows[1])
		// Two systems share no memory.
		other := f.System()
		s.X0[0]++
		require.NotEqual(t, s.X0, other.X0)
	}
	require.Len(t, seen, chaoticForms)
}

func TestMeasuredSignals(t *testing.T) {
	set := MeasuredSignals(1, 5)
	require.Len(t, set, 5*len(signalKinds))
	for _, tr := range set {
		require.NoError(t, tr.Series.Validate())
		require.Len(t, tr.Series.Times, EvalSamples)
		for c := range tr.Series.Channels() {
			low, high := math.Inf(1), math.Inf(-1)
			for _, row := range tr.Series.Values {
				low, high = min(low, row[c]), max(high, row[c])
			}
			require.Greater(t, high-low, .05, tr.Family)
			require.Less(t, high-low, 1e4, tr.Family)
		}
	}
	require.Equal(t, set, MeasuredSignals(1, 5))
	require.NotEqual(t, set[0].Series.Values, MeasuredSignals(2, 1)[0].Series.Values)
}
