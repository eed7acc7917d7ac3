package optim

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/lassode/lassode/internal/allocs"
	"github.com/lassode/lassode/tensor"
	"github.com/stretchr/testify/require"
)

// sample returns parameters of several kinds with normal values: vectors, a
// tall, a wide, a square and a fused matrix, and one that no group owns.
func sample(seed uint64) (*tensor.Params, []Group) {
	p := tensor.NewParams()
	vec, table := p.Add("vec", 7), p.Add("table", 3, 5)
	frozen := p.Add("frozen", 4)
	tall, wide, square, fused := p.Add("tall", 9, 4), p.Add("wide", 3, 8), p.Add("square", 5, 5), p.Add("fused", 4, 12)
	tensor.NormalInto(rand.New(rand.NewPCG(seed, 1)), p.Data(), 1)
	_ = frozen
	return p, []Group{
		{Name: "vectors", Rule: AdamW, Params: []tensor.ParamID{vec}, LR: 3e-3, WeightDecay: 0.1, Beta1: 0.8, Beta2: 0.95, Eps: 1e-6},
		{Name: "tables", Rule: AdamW, Params: []tensor.ParamID{table}},
		{Name: "matrices", Rule: Muon, Params: []tensor.ParamID{tall, wide, square}, LR: 0.05, WeightDecay: 0.02, Momentum: 0.9},
		{Name: "fused", Rule: Muon, Params: []tensor.ParamID{fused}, Blocks: 3},
	}
}

func gradients(r *rand.Rand, n int) []float32 {
	g := make([]float32, n)
	tensor.NormalInto(r, g, 0.3)
	return g
}

// muonDirection is the update of Muon for an in x out gradient-like matrix, in
// float64, written for the usual [out, in] orientation and transposed.
func muonDirection(g [][]float64) [][]float64 {
	in, out := len(g), len(g[0])
	mat := func(r, c int, f func(i, j int) float64) [][]float64 {
		m := make([][]float64, r)
		for i := range m {
			m[i] = make([]float64, c)
			for j := range m[i] {
				m[i][j] = f(i, j)
			}
		}
		return m
	}
	mul := func(a, b [][]float64) [][]float64 {
		return mat(len(a), len(b[0]), func(i, j int) (s float64) {
			for k := range b {
				s += a[i][k] * b[k][j]
			}
			return
		})
	}
	t := func(a [][]float64) [][]float64 {
		return mat(len(a[0]), len(a), func(i, j int) float64 { return a[j][i] })
	}
	x := t(g) // out x in
	norm := 0.0
	for _, row := range x {
		for _, v := range row {
			norm += v * v
		}
	}
	norm = math.Sqrt(norm) + 1e-7
	x = mat(out, in, func(i, j int) float64 { return x[i][j] / norm })
	flip := out > in
	if flip {
		x = t(x)
	}
	for range 5 {
		a := mul(x, t(x))
		aa := mul(a, a)
		b := mat(len(a), len(a), func(i, j int) float64 { return -4.7750*a[i][j] + 2.0315*aa[i][j] })
		bx := mul(b, x)
		x = mat(len(x), len(x[0]), func(i, j int) float64 { return 3.4445*x[i][j] + bx[i][j] })
	}
	if flip {
		x = t(x)
	}
	s := math.Sqrt(math.Max(1, float64(out)/float64(in)))
	return t(mat(out, in, func(i, j int) float64 { return s * x[i][j] }))
}

// TestAgainstNaive runs 20 steps beside independent float64 code.
func TestAgainstNaive(t *testing.T) {
	p, groups := sample(3)
	frozen := append([]float32(nil), p.Slice(2)...)
	o := New(p, groups)
	w := make([]float64, p.Len())
	for i, v := range p.Data() {
		w[i] = float64(v)
	}
	m, v := make([]float64, len(w)), make([]float64, len(w))
	adam := func(id tensor.ParamID, g []float32, step int, lr, wd, b1, b2, eps float64) {
		for i := p.Offset(id); i < p.Offset(id)+p.Shape(id).Size(); i++ {
			gi := float64(g[i])
			m[i] = b1*m[i] + (1-b1)*gi
			v[i] = b2*v[i] + (1-b2)*gi*gi
			mh, vh := m[i]/(1-math.Pow(b1, float64(step))), v[i]/(1-math.Pow(b2, float64(step)))
			w[i] -= lr*wd*w[i] + lr*mh/(math.Sqrt(vh)+eps)
		}
	}
	muon := func(id tensor.ParamID, g []float32, lr, wd, mu float64, blocks int) {
		rows, ld := p.Shape(id).Dim(0), p.Shape(id).Dim(1)
		cols := ld / blocks
		for b := 0; b < blocks; b++ {
			at := func(r, c int) int { return p.Offset(id) + r*ld + b*cols + c }
			d := make([][]float64, rows)
			for r := range d {
				d[r] = make([]float64, cols)
				for c := range d[r] {
					i := at(r, c)
					m[i] = mu*m[i] + float64(g[i])
					d[r][c] = float64(g[i]) + mu*m[i]
				}
			}
			u := muonDirection(d)
			for r := range u {
				for c := range u[r] {
					i := at(r, c)
					w[i] = w[i]*(1-lr*wd) - lr*u[r][c]
				}
			}
		}
	}
	r := rand.New(rand.NewPCG(8, 8))
	for step := 1; step <= 20; step++ {
		g := gradients(r, p.Len())
		scale := 1 / float64(step)
		o.Step(g, scale)
		adam(0, g, step, 3e-3*scale, 0.1, 0.8, 0.95, 1e-6)
		adam(1, g, step, 2e-3*scale, 0, 0.9, 0.98, 1e-8)
		for _, id := range groups[2].Params {
			muon(id, g, 0.05*scale, 0.02, 0.9, 1)
		}
		muon(groups[3].Params[0], g, 0.02*scale, 0, 0.95, 3)
		for i, x := range p.Data() {
			require.InDelta(t, w[i], float64(x), 3e-5, "step %d value %d", step, i)
		}
	}
	require.EqualValues(t, 20, o.StepCount())
	require.Equal(t, frozen, p.Slice(2), "a parameter in no group changed")
}

// TestMuonOrthogonalises: the update of a well-conditioned matrix has singular
// values between 0.6 and 1.3, whatever the size of the gradient.
func TestMuonOrthogonalises(t *testing.T) {
	for _, size := range []float64{1e-6, 1, 1e6} {
		p := tensor.NewParams()
		id := p.Add("w", 6, 6)
		o := New(p, []Group{{Rule: Muon, Params: []tensor.ParamID{id}, LR: 1}})
		g := gradients(rand.New(rand.NewPCG(4, 4)), 36)
		for i := 0; i < 6; i++ {
			g[i*7] += 2
		}
		for i := range g {
			g[i] *= float32(size)
		}
		o.Step(g, 1)
		// |W x| / |x| for random x lies within the singular values.
		r := rand.New(rand.NewPCG(5, 5))
		for range 200 {
			x := make([]float32, 6)
			tensor.NormalInto(r, x, 1)
			var nx, ny float64
			for i := 0; i < 6; i++ {
				y := 0.0
				for j := 0; j < 6; j++ {
					y += float64(p.Slice(id)[i*6+j] * x[j])
				}
				nx += float64(x[i]) * float64(x[i])
				ny += y * y
			}
			require.InDelta(t, 0.95, math.Sqrt(ny/nx), 0.35)
		}
	}
	// A zero gradient moves nothing.
	p := tensor.NewParams()
	id := p.Add("w", 3, 2)
	New(p, []Group{{Rule: Muon, Params: []tensor.ParamID{id}}}).Step(make([]float32, 6), 1)
	require.Equal(t, make([]float32, 6), p.Data())
}

// TestQuadratic: both rules solve a least-squares problem |A W - B|^2.
func TestQuadratic(t *testing.T) {
	for _, rule := range []Rule{AdamW, Muon} {
		r := rand.New(rand.NewPCG(2, 9))
		p := tensor.NewParams()
		id := p.Add("w", 6, 4)
		target := gradients(r, 24)
		o := New(p, []Group{{Rule: rule, Params: []tensor.ParamID{id}, LR: 0.05}})
		const total = 400
		sched := Schedule{WarmUp: 10, Flat: 100, Total: total}
		loss := func(g []float32) (l float64) {
			for i, w := range p.Data() {
				c := float32(1 + i%5) // curvature
				d := w - target[i]
				l += float64(c * d * d)
				if g != nil {
					g[i] = 2 * c * d
				}
			}
			return l
		}
		g := make([]float32, 24)
		start := loss(nil)
		for step := range total {
			loss(g)
			ClipGlobalNorm(g, 1)
			o.Step(g, sched.At(step))
		}
		require.Less(t, loss(nil), 1e-4*start, "%v", rule)
	}
}

// TestWorkersAndRestore: any number of workers, and a run interrupted and
// restored into fresh objects, give the same bits.
func TestWorkersAndRestore(t *testing.T) {
	const steps, half = 12, 5
	run := func(workers int, interrupt bool) ([]float32, []float32) {
		p, groups := sample(5)
		o := New(p, groups)
		o.Workers = workers
		e := NewEMA(p, 0.99)
		r := rand.New(rand.NewPCG(6, 6))
		for step := range steps {
			if interrupt && step == half {
				q, groups := sample(99)
				copy(q.Data(), p.Data())
				o2, e2 := New(q, groups), NewEMA(q, 0.99)
				for i, s := range o.State() {
					require.Equal(t, s.Name, o2.State()[i].Name)
					require.Equal(t, s.Shape.Size(), len(s.Data))
					copy(o2.State()[i].Data, s.Data)
				}
				o2.SetStepCount(o.StepCount())
				copy(e2.Data(), e.Data())
				e2.SetCount(e.Count())
				p, o, e = q, o2, e2
			}
			o.Step(gradients(r, p.Len()), 1)
			e.Update(p.Data())
		}
		return p.Data(), e.Data()
	}
	w, avg := run(1, false)
	for _, workers := range []int{2, 3, 0} {
		w2, _ := run(workers, false)
		require.Equal(t, w, w2)
	}
	w3, avg3 := run(1, true)
	require.Equal(t, w, w3)
	require.Equal(t, avg, avg3)
	p, groups := sample(5)
	names := map[string]bool{}
	for _, s := range New(p, groups).State() {
		names[s.Name] = true
	}
	require.True(t, names["adamw.m.vec"] && names["adamw.v.table"] && names["muon.m.fused"] && len(names) == 8)
}

func TestStepAllocatesNothing(t *testing.T) {
	p, groups := sample(1)
	o := New(p, groups)
	o.Workers = 1
	g := gradients(rand.New(rand.NewPCG(1, 1)), p.Len())
	allocs.RequireNone(t, 10, func() { o.Step(g, 1) })
}

func TestMisuse(t *testing.T) {
	p, groups := sample(1)
	require.PanicsWithValue(t, `optim: New: parameter "vec" is in groups "a" and "b"`, func() {
		New(p, []Group{{Name: "a", Params: []tensor.ParamID{0}}, {Name: "b", Params: []tensor.ParamID{0}}})
	})
	require.Panics(t, func() { New(p, []Group{{Rule: Muon, Params: []tensor.ParamID{0}}}) })
	require.Panics(t, func() { New(p, []Group{{Rule: Muon, Params: []tensor.ParamID{1}, Blocks: 2}}) })
	require.Panics(t, func() { New(p, []Group{{Rule: 9, Params: []tensor.ParamID{1}}}) })
	require.Panics(t, func() { New(p, groups).Step(make([]float32, 3), 1) })
	require.Panics(t, func() { NewEMA(p, 1) })
	require.Panics(t, func() { NewEMA(p, 0.5).Update(nil) })
}

func TestSchedule(t *testing.T) {
	s := Schedule{WarmUp: 4, Flat: 10, Total: 30, Floor: 0.02}
	require.Equal(t, []float64{0.25, 0.5, 0.75, 1, 1}, []float64{s.At(0), s.At(1), s.At(2), s.At(3), s.At(4)})
	require.Equal(t, 1.0, s.At(10))
	require.InDelta(t, 0.51, s.At(20), 1e-12)
	require.Equal(t, 0.02, s.At(30))
	require.Equal(t, 0.02, s.At(1000))
	for i := 10; i < 30; i++ {
		require.GreaterOrEqual(t, s.At(i), s.At(i+1))
	}
	require.Equal(t, 1.0, Schedule{}.At(5))
	require.Equal(t, 1.0, Schedule{WarmUp: 3}.At(1e9))
	require.Equal(t, 0.0, Schedule{WarmUp: 5, Total: 5}.At(5))
}

func TestClipGlobalNorm(t *testing.T) {
	g := []float32{3, 0, 0, 0, 4}
	require.InDelta(t, 5, ClipGlobalNorm(g, 0), 1e-12)
	require.Equal(t, []float32{3, 0, 0, 0, 4}, g)
	require.InDelta(t, 5, ClipGlobalNorm(g, 10), 1e-12)
	require.Equal(t, []float32{3, 0, 0, 0, 4}, g)
	require.InDelta(t, 5, ClipGlobalNorm(g, 1), 1e-12)
	require.InDeltaSlice(t, []float32{0.6, 0, 0, 0, 0.8}, g, 1e-7)
	big := []float32{3e38, 3e38}
	require.InEpsilon(t, 3e38*math.Sqrt2, ClipGlobalNorm(big, 1), 1e-6) // no overflow of the squares
	require.InDelta(t, math.Sqrt2/2, float64(big[0]), 1e-6)
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
		g := []float32{1, bad, 2}
		n := ClipGlobalNorm(g, 1)
		require.True(t, math.IsNaN(n) || math.IsInf(n, 0))
		require.Equal(t, []float32{0, 0, 0}, g)
	}
}

func TestEMA(t *testing.T) {
	p := tensor.NewParams()
	p.Add("x", 1)
	p.Data()[0] = 10
	e := NewEMA(p, 0.9)
	want := 10.0
	for n := 0; n < 200; n++ {
		v := float32(math.Sin(float64(n)))
		e.Update([]float32{v})
		d := math.Min(0.9, (1+float64(n))/(10+float64(n)))
		want = d*want + (1-d)*float64(v)
		require.InDelta(t, want, float64(e.Data()[0]), 1e-5)
	}
	require.EqualValues(t, 200, e.Count())
	require.Equal(t, float32(10), p.Data()[0])
}

func BenchmarkStep(b *testing.B) {
	for _, rule := range []Rule{AdamW, Muon} {
		b.Run("rule="+rule.String(), func(b *testing.B) {
			p := tensor.NewParams()
			var ids []tensor.ParamID
			for i := range 8 {
				ids = append(ids, p.Add(string(rune('a'+i)), 256, 768))
			}
			r := rand.New(rand.NewPCG(1, 1))
			tensor.NormalInto(r, p.Data(), 1)
			g := gradients(r, p.Len())
			o := New(p, []Group{{Rule: rule, Params: ids}})
			for b.Loop() {
				o.Step(g, 1e-3)
			}
			b.ReportMetric(float64(p.Len())*float64(b.N)/float64(b.Elapsed().Microseconds()), "params/us")
		})
	}
}
