package attn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/lassode/lassode/internal/allocs"
	"github.com/lassode/lassode/tensor"
	"github.com/stretchr/testify/require"
)

// naive attends from one query to keys, in float64: the textbook formula, one
// head at a time.
func naive(q []float64, ks, vs [][]float64, heads int) []float64 {
	d := len(q)
	w := d / heads
	out := make([]float64, d)
	for h := 0; h < heads; h++ {
		var e []float64
		sum := 0.0
		for _, k := range ks {
			s := 0.0
			for i := h * w; i < (h+1)*w; i++ {
				s += q[i] * k[i]
			}
			x := math.Exp(s / math.Sqrt(float64(w)))
			e = append(e, x)
			sum += x
		}
		for j, v := range vs {
			for i := h * w; i < (h+1)*w; i++ {
				out[i] += e[j] / sum * v[i]
			}
		}
	}
	return out
}

type geometry struct {
	name                       string
	outer, steps, inner, heads int
	d                          int
}

// multiHeadRef is MultiHead by naive, row by row.
func multiHeadRef(g geometry, qkv []float64) []float64 {
	rows := g.outer * g.steps * g.inner
	out := make([]float64, rows*g.d)
	at := func(o, s, i int) int { return (o*g.steps+s)*g.inner + i }
	part := func(row, k int) []float64 { return qkv[row*3*g.d+k*g.d : row*3*g.d+(k+1)*g.d] }
	for o := 0; o < g.outer; o++ {
		for i := 0; i < g.inner; i++ {
			var ks, vs [][]float64
			for s := 0; s < g.steps; s++ {
				ks = append(ks, part(at(o, s, i), 1))
				vs = append(vs, part(at(o, s, i), 2))
			}
			for s := 0; s < g.steps; s++ {
				row := at(o, s, i)
				copy(out[row*g.d:], naive(part(row, 0), ks, vs, g.heads))
			}
		}
	}
	return out
}

var geometries = []geometry{
	{"time axis", 3, 7, 1, 2, 8},
	{"channel axis", 2, 3, 4, 2, 8},
	{"two steps", 2, 4, 2, 2, 6},
	{"one head", 3, 5, 2, 1, 4},
	{"four heads", 2, 6, 3, 4, 8},
	{"one step", 4, 1, 2, 2, 4},
	{"odd head", 1, 3, 1, 1, 5},
	{"by matrix products", 2, 12, 2, 2, 32},
}

func normal(r *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(float32(r.NormFloat64()))
	}
	return x
}

// gradCheck runs an operation on a recording tape, compares its result with the
// reference and its gradients with central differences of the reference.
func gradCheck(t *testing.T, shapes [][]int, in [][]float64, run func(tape *tensor.Tape, in []*tensor.Tensor) *tensor.Tensor, ref func(in [][]float64) []float64) {
	t.Helper()
	r := rand.New(rand.NewPCG(17, 1))
	tape := tensor.NewTape(nil, true)
	var out *tensor.Tensor
	var ins []*tensor.Tensor
	var weights []float64
	var first [][]float32
	for pass := 0; pass < 2; pass++ { // the second pass reuses the memory
		tape.Reset()
		tape.Poison()
		ins = nil
		for i, s := range shapes {
			x := tape.Variable(s...)
			for k, v := range in[i] {
				x.Data[k] = float32(v)
			}
			ins = append(ins, x)
		}
		out = run(tape, ins)
		weights = normal(rand.New(rand.NewPCG(2, 3)), out.Size())
		w := tape.New(out.Size())
		for k, v := range weights {
			w.Data[k] = float32(v)
		}
		tape.Backward(tape.SumAll(tape.Mul(tape.Reshape(out, out.Size()), w)))
		for i, x := range ins {
			if pass == 0 {
				first = append(first, append([]float32(nil), x.Grad...))
			} else {
				require.Equal(t, first[i], x.Grad)
			}
		}
	}
	want := ref(in)
	require.Len(t, out.Data, len(want))
	for k, v := range want {
		require.InDelta(t, v, float64(out.Data[k]), 5e-6, "value %d", k)
	}
	loss := func() float64 {
		s := 0.0
		for k, v := range ref(in) {
			s += v * weights[k]
		}
		return s
	}
	for i := range in {
		picked := r.Perm(len(in[i]))
		if len(picked) > 60 {
			picked = picked[:60]
		}
		for _, k := range picked {
			old := in[i][k]
			in[i][k] = old + 1e-5
			up := loss()
			in[i][k] = old - 1e-5
			down := loss()
			in[i][k] = old
			require.InDelta(t, (up-down)/2e-5, float64(ins[i].Grad[k]), 3e-5, "input %d entry %d", i, k)
		}
	}
	plain := tensor.NewTape(nil, false)
	for i, s := range shapes {
		ins[i] = plain.Input(ins[i].Data, s...)
	}
	require.Equal(t, out.Data, run(plain, ins).Data, "inference differs")
}

func TestGradients(t *testing.T) {
	covered := map[string]bool{}
	covered["attn.MultiHead"] = true
	for _, g := range geometries {
		t.Run("MultiHead/"+g.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 5))
			rows := g.outer * g.steps * g.inner
			gradCheck(t, [][]int{{rows, 3 * g.d}}, [][]float64{normal(r, rows*3*g.d)},
				func(tape *tensor.Tape, in []*tensor.Tensor) *tensor.Tensor {
					return MultiHead(tape, in[0], g.outer, g.steps, g.inner, g.heads)
				},
				func(in [][]float64) []float64 { return multiHeadRef(g, in[0]) })
		})
	}
	covered["attn.Cross"] = true
	for _, c := range []struct{ n, m, d, heads int }{{5, 3, 4, 2}, {7, 4, 6, 1}, {1, 1, 2, 2}, {259, 2, 4, 2}} {
		t.Run(fmt.Sprintf("Cross/%v", c), func(t *testing.T) {
			r := rand.New(rand.NewPCG(2, 5))
			in := [][]float64{normal(r, c.n*c.d), normal(r, c.m*c.d), normal(r, c.m*c.d)}
			gradCheck(t, [][]int{{c.n, c.d}, {c.m, c.d}, {c.m, c.d}}, in,
				func(tape *tensor.Tape, in []*tensor.Tensor) *tensor.Tensor {
					return Cross(tape, in[0], in[1], in[2], c.heads)
				},
				func(in [][]float64) []float64 {
					rows := func(x []float64) (r [][]float64) {
						for ; len(x) > 0; x = x[c.d:] {
							r = append(r, x[:c.d])
						}
						return r
					}
					var out []float64
					for _, q := range rows(in[0]) {
						out = append(out, naive(q, rows(in[1]), rows(in[2]), c.heads)...)
					}
					return out
				})
		})
	}
	for _, name := range tensor.Ops() {
		if strings.HasPrefix(name, "attn.") {
			require.True(t, covered[name], "operation %s has no gradient case", name)
		}
	}
}

// TestPartialGradients: inputs without gradient are left alone and do not
// change the gradients of the others.
func TestPartialGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	vals := [][]float64{normal(r, 5*4), normal(r, 3*4), normal(r, 3*4)}
	run := func(mask int) []*tensor.Tensor {
		tape := tensor.NewTape(nil, true)
		var in []*tensor.Tensor
		for i, v := range vals {
			x := tape.New(len(v)/4, 4)
			if mask>>i&1 == 1 {
				x = tape.Variable(len(v)/4, 4)
			}
			for k := range v {
				x.Data[k] = float32(v[k])
			}
			in = append(in, x)
		}
		tape.Backward(tape.SumAll(tape.Square(Cross(tape, in[0], in[1], in[2], 2))))
		return in
	}
	all := run(7)
	for mask := 1; mask < 8; mask++ {
		for i, x := range run(mask) {
			if mask>>i&1 == 1 {
				require.Equal(t, all[i].Grad, x.Grad)
			} else {
				require.Nil(t, x.Grad)
			}
		}
	}
}

// TestExtremeScores: large scores must not overflow.
func TestExtremeScores(t *testing.T) {
	tape := tensor.NewTape(nil, true)
	qkv := tape.Variable(3, 6)
	for i := range qkv.Data {
		qkv.Data[i] = float32(1e4 * math.Pow(-1.5, float64(i%5)))
	}
	out := MultiHead(tape, qkv, 1, 3, 1, 1)
	tape.Backward(tape.SumAll(out))
	for i, v := range append(append([]float32(nil), out.Data...), qkv.Grad...) {
		require.False(t, math.IsNaN(float64(v)) || math.IsInf(float64(v), 0), "%d", i)
	}
}

func TestCrossWeights(t *testing.T) {
	const n, m, d, heads = 4, 5, 6, 2
	r := rand.New(rand.NewPCG(6, 6))
	q, k := make([]float32, n*d), make([]float32, m*d)
	tensor.NormalInto(r, q, 1)
	tensor.NormalInto(r, k, 1)
	dst, work := make([]float32, n*m), make([]float32, n*m)
	allocs.RequireNone(t, 5, func() { CrossWeights(dst, q, k, work, n, m, d, heads) })
	// Attention with values that are unit vectors per head shows its weights.
	tape := tensor.NewTape(nil, false)
	for j := 0; j < m; j++ {
		v := tape.New(m, d)
		for i := 0; i < d; i++ {
			v.Data[j*d+i] = 1
		}
		out := Cross(tape, tape.Input(q, n, d), tape.Input(k, m, d), v, heads)
		for i := 0; i < n; i++ {
			mean := (out.Data[i*d] + out.Data[i*d+d/heads]) / 2
			require.InDelta(t, mean, dst[i*m+j], 1e-6)
		}
	}
	require.Panics(t, func() { CrossWeights(dst, q, k, work, n, m, d, 4) })
	require.Panics(t, func() { CrossWeights(dst, q, k, work[1:], n, m, d, heads) })
}

func TestShapePanics(t *testing.T) {
	tape := tensor.NewTape(nil, false)
	require.PanicsWithValue(t, "attn: MultiHead: qkv has shape [6 12], needs 2 x 2 x 1 rows", func() {
		MultiHead(tape, tape.New(6, 12), 2, 2, 1, 2)
	})
	require.Panics(t, func() { MultiHead(tape, tape.New(6, 12), 2, 3, 1, 3) })
	require.Panics(t, func() { Cross(tape, tape.New(6, 4), tape.New(3, 4), tape.New(2, 4), 2) })
	require.Panics(t, func() { Cross(tape, tape.New(6, 4), tape.New(3, 4), tape.New(3, 4), 3) })
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	p := tensor.NewParams()
	x := p.Add("x", 2*4*3, 3*8)
	tensor.NormalInto(rand.New(rand.NewPCG(1, 1)), p.Data(), 1)
	tape := tensor.NewTape(p, true)
	allocs.RequireNone(t, 5, func() {
		tape.Reset()
		y := MultiHead(tape, tape.Param(x), 2, 4, 3, 2)
		z := Cross(tape, y, y, y, 4)
		tape.Backward(tape.SumAll(z))
	})
}
