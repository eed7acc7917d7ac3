package linode

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/lassode/lassode/internal/allocs"
	"github.com/lassode/lassode/tensor"
	"github.com/stretchr/testify/require"
)

// gradCase is one check of an operation: its result against an independent
// float64 reference, its gradient against central differences of that reference.
type gradCase struct {
	op, name string
	shapes   [][]int
	fill     func(r *rand.Rand, in [][]float64) // values; normal by default
	grads    int                                // the first so many inputs take gradients
	run      func(t *tensor.Tape, in []*tensor.Tensor) *tensor.Tensor
	ref      func(in [][]float64) []float64
}

// pairRef evaluates tokens of pairs with PairAt; c nil gives the states.
func pairRef(n, pairs int, sharedC, sharedTau bool) func(in [][]float64) []float64 {
	return func(in [][]float64) []float64 {
		sigma, omega, z0, b, tau := in[0], in[1], in[2], in[3], in[len(in)-1]
		var c []float64
		if len(in) == 6 {
			c = in[4]
		}
		queries := len(tau)
		if !sharedTau {
			queries /= n
		}
		var out []float64
		for i := 0; i < n; i++ {
			for q := 0; q < queries; q++ {
				tt := tau[q]
				if !sharedTau {
					tt = tau[i*queries+q]
				}
				y := 0.0
				for p := 0; p < pairs; p++ {
					j := i*pairs + p
					z, _ := PairAt(sigma[j], omega[j], complex(z0[2*j], z0[2*j+1]), complex(b[2*j], b[2*j+1]), tt)
					if c == nil {
						out = append(out, real(z), imag(z))
						continue
					}
					k := j
					if sharedC {
						k = p
					}
					y += c[2*k]*real(z) + c[2*k+1]*imag(z)
				}
				if c != nil {
					out = append(out, y)
				}
			}
		}
		return out
	}
}

func denseRef(n, order, queries int) func(in [][]float64) []float64 {
	return func(in [][]float64) []float64 {
		w := NewDense(order)
		var out []float64
		for i := 0; i < n; i++ {
			for q := 0; q < queries; q++ {
				z := make([]float64, order)
				w.State(z, nil, in[0][i*order*order:(i+1)*order*order], in[1][i*order:(i+1)*order],
					in[2][i*order:(i+1)*order], in[3][i*queries+q])
				out = append(out, z...)
			}
		}
		return out
	}
}

func runReadout(t *tensor.Tape, in []*tensor.Tensor) *tensor.Tensor {
	return PairsReadout(t, in[0], in[1], in[2], in[3], in[4], in[5])
}

func runStates(t *tensor.Tape, in []*tensor.Tensor) *tensor.Tensor {
	return PairsStates(t, in[0], in[1], in[2], in[3], in[4])
}

// fillRates sets the first two inputs and leaves the rest normal.
func fillRates(sigma, omega float64) func(r *rand.Rand, in [][]float64) {
	return func(r *rand.Rand, in [][]float64) {
		for i := range in[0] {
			in[0][i] = sigma * (1 + 0.1*r.NormFloat64())
			in[1][i] = omega * (1 + 0.1*r.NormFloat64())
		}
	}
}

var gradCases = []gradCase{
	{op: "linode.PairsReadout", name: "normal", shapes: [][]int{{4, 3}, {4, 3}, {4, 6}, {4, 6}, {4, 6}, {4, 5}}, grads: 5, run: runReadout, ref: pairRef(4, 3, false, false)},
	{op: "linode.PairsReadout", name: "shared readout and times", shapes: [][]int{{2, 2, 3}, {4, 3}, {4, 6}, {4, 6}, {6}, {5}}, grads: 5, run: runReadout, ref: pairRef(4, 3, true, true)},
	{op: "linode.PairsReadout", name: "near zero", shapes: [][]int{{3, 2}, {3, 2}, {3, 4}, {3, 4}, {3, 4}, {3, 4}}, grads: 5, fill: fillRates(1e-4, 2e-4), run: runReadout, ref: pairRef(3, 2, false, false)},
	{op: "linode.PairsReadout", name: "zero", shapes: [][]int{{3, 2}, {3, 2}, {3, 4}, {3, 4}, {3, 4}, {3, 4}}, grads: 5, fill: fillRates(0, 0), run: runReadout, ref: pairRef(3, 2, false, false)},
	{op: "linode.PairsReadout", name: "border of the series", shapes: [][]int{{8, 2}, {8, 2}, {8, 4}, {8, 4}, {8, 4}, {8, 4}}, grads: 5, fill: fillRates(-0.2, 0.25), run: runReadout, ref: pairRef(8, 2, false, false)},
	{op: "linode.PairsReadout", name: "many blocks", shapes: [][]int{{150, 4}, {150, 4}, {150, 8}, {150, 8}, {8}, {150, 6}}, grads: 5, run: runReadout, ref: pairRef(150, 4, true, false)},
	{op: "linode.PairsStates", name: "normal", shapes: [][]int{{4, 3}, {4, 3}, {4, 6}, {4, 6}, {4, 5}}, grads: 4, run: runStates, ref: pairRef(4, 3, false, false)},
	{op: "linode.PairsStates", name: "near zero", shapes: [][]int{{4, 3}, {4, 3}, {4, 6}, {4, 6}, {5}}, grads: 4, fill: fillRates(-1e-5, 1e-3), run: runStates, ref: pairRef(4, 3, false, true)},
	{op: "linode.PairsStates", name: "border of the series", shapes: [][]int{{8, 3}, {8, 3}, {8, 6}, {8, 6}, {8, 5}}, grads: 4, fill: fillRates(-0.2, 0.25), run: runStates, ref: pairRef(8, 3, false, false)},
	{op: "linode.DiagonalStates", name: "normal", shapes: [][]int{{3, 4}, {3, 4}, {3, 4}, {3, 5}}, grads: 3,
		run: func(t *tensor.Tape, in []*tensor.Tensor) *tensor.Tensor {
			return DiagonalStates(t, in[0], in[1], in[2], in[3])
		},
		fill: func(r *rand.Rand, in [][]float64) {
			in[0][0], in[0][1], in[0][2] = 0, 1e-6, -0.3 // zero, near zero, inside the series
		},
		ref: func(in [][]float64) []float64 {
			var out []float64
			for i := 0; i < 3; i++ {
				for q := 0; q < 5; q++ {
					for k := i * 4; k < i*4+4; k++ {
						lambda, tau := in[0][k], in[3][i*5+q]
						out = append(out, math.Exp(lambda*tau)*in[1][k]+tau*Phi1(lambda*tau)*in[2][k])
					}
				}
			}
			return out
		}},
	{op: "linode.DenseStates", name: "normal", shapes: [][]int{{2, 3, 3}, {2, 3}, {2, 3}, {2, 4}}, grads: 3,
		run: func(t *tensor.Tape, in []*tensor.Tensor) *tensor.Tensor {
			return DenseStates(t, in[0], in[1], in[2], in[3])
		}, ref: denseRef(2, 3, 4)},
	{op: "linode.DenseStates", name: "defective, large drive and norm", shapes: [][]int{{2, 2, 2}, {2, 2}, {2, 2}, {2, 3}}, grads: 3,
		run: func(t *tensor.Tape, in []*tensor.Tensor) *tensor.Tensor {
			return DenseStates(t, in[0], in[1], in[2], in[3])
		},
		fill: func(r *rand.Rand, in [][]float64) {
			copy(in[0], []float64{-1, 1, 0, -1, -12, 9, -20, 1})
			copy(in[2], []float64{300, -40, 5, 2})
		}, ref: denseRef(2, 2, 3)},
}

func normal(r *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	return x
}

func TestGradients(t *testing.T) {
	covered := map[string]bool{}
	for _, c := range gradCases {
		covered[c.op] = true
		t.Run(strings.TrimPrefix(c.op, "linode.")+"/"+c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, 11))
			in := make([][]float64, len(c.shapes))
			for i, s := range c.shapes {
				in[i] = normal(r, tensor.MakeShape(s...).Size())
			}
			if c.fill != nil {
				c.fill(r, in)
			}
			tape := tensor.NewTape(nil, true)
			tape.Poison()
			var out *tensor.Tensor
			var ins []*tensor.Tensor
			var weights []float64
			for pass := 0; pass < 2; pass++ { // the second pass reuses the memory
				tape.Reset()
				tape.Poison()
				ins = ins[:0]
				for i, s := range c.shapes {
					x := tape.New(s...)
					if i < c.grads {
						x = tape.Variable(s...)
					}
					for k, v := range in[i] {
						x.Data[k] = float32(v)
						in[i][k] = float64(x.Data[k])
					}
					ins = append(ins, x)
				}
				out = c.run(tape, ins)
				weights = normal(rand.New(rand.NewPCG(3, 4)), out.Size())
				w := tape.New(out.Size())
				for k, v := range weights {
					w.Data[k] = float32(v)
					weights[k] = float64(w.Data[k])
				}
				tape.Backward(tape.SumAll(tape.Mul(tape.Reshape(out, out.Size()), w)))
			}
			want := c.ref(in)
			require.Len(t, out.Data, len(want))
			scale := 1.0
			for _, v := range want {
				scale = max(scale, math.Abs(v))
			}
			for k, v := range want {
				require.InDelta(t, v, float64(out.Data[k]), 3e-6*scale, "value %d", k)
			}
			loss := func() float64 {
				s := 0.0
				for k, v := range c.ref(in) {
					s += v * weights[k]
				}
				return s
			}
			for i := 0; i < c.grads; i++ {
				top, picked := 1e-3, r.Perm(len(in[i]))
				if len(picked) > 24 {
					picked = picked[:24] // of the large case
				}
				numeric := map[int]float64{}
				for _, k := range picked {
					old, h := in[i][k], 1e-5
					in[i][k] = old + h
					up := loss()
					in[i][k] = old - h
					down := loss()
					in[i][k] = old
					numeric[k] = (up - down) / (2 * h)
					top = max(top, math.Abs(numeric[k]))
				}
				for _, k := range picked {
					require.InDelta(t, numeric[k], float64(ins[i].Grad[k]), 2e-5*top, "input %d entry %d", i, k)
				}
			}
			// Inference gives the same bits and keeps nothing.
			plain := tensor.NewTape(nil, false)
			for i, s := range c.shapes {
				ins[i] = plain.Input(ins[i].Data, s...)
			}
			require.Equal(t, out.Data, c.run(plain, ins).Data)
		})
	}
	for _, name := range tensor.Ops() {
		if strings.HasPrefix(name, "linode.") {
			require.True(t, covered[name], "operation %s has no gradient case", name)
		}
	}
}

// TestPartialGradients: inputs without gradient stay untouched, for every subset.
func TestPartialGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	shapes := [][]int{{2, 3}, {2, 3}, {2, 6}, {2, 6}, {6}, {2, 4}}
	vals := make([][]float64, len(shapes))
	for i, s := range shapes {
		vals[i] = normal(r, tensor.MakeShape(s...).Size())
	}
	run := func(mask int) []*tensor.Tensor {
		tape := tensor.NewTape(nil, true)
		var in []*tensor.Tensor
		for i, s := range shapes {
			x := tape.New(s...)
			if mask>>i&1 == 1 {
				x = tape.Variable(s...)
			}
			for k, v := range vals[i] {
				x.Data[k] = float32(v)
			}
			in = append(in, x)
		}
		tape.Backward(tape.SumAll(tape.Square(runReadout(tape, in))))
		return in
	}
	all := run(31)
	for mask := 1; mask < 32; mask++ {
		for i, x := range run(mask) {
			if mask>>i&1 == 1 {
				require.Equal(t, all[i].Grad, x.Grad)
			} else {
				require.Nil(t, x.Grad)
			}
		}
	}
}

// TestExtremesStayFinite: stiff decay, clamped growth and huge times give finite
// values and gradients in every form.
func TestExtremesStayFinite(t *testing.T) {
	for _, rate := range []float32{-1e4, -1e8, -100, 60, 100, 1e4} {
		tape := tensor.NewTape(nil, true)
		v := func(x float32, s ...int) *tensor.Tensor {
			y := tape.Variable(s...)
			for i := range y.Data {
				y.Data[i] = x
			}
			return y
		}
		tau := tape.New(1, 4)
		copy(tau.Data, []float32{0, 1e-3, 1, 1})
		sigma, omega, z0, b, c := v(rate, 1, 2), v(3, 1, 2), v(0.5, 1, 4), v(2, 1, 4), v(0.1, 1, 4)
		lambda, d0, db := v(rate, 1, 3), v(1, 1, 3), v(2, 1, 3)
		a, a0, ab := v(0, 1, 2, 2), v(1, 1, 2), v(2, 1, 2)
		copy(a.Data, []float32{rate, 1, -1, rate / 2})
		ys := []*tensor.Tensor{
			PairsReadout(tape, sigma, omega, z0, b, c, tau), PairsStates(tape, sigma, omega, z0, b, tau),
			DiagonalStates(tape, lambda, d0, db, tau), DenseStates(tape, a, a0, ab, tau),
		}
		loss := tape.SumAll(ys[0])
		for _, y := range ys[1:] {
			loss = tape.Add(loss, tape.SumAll(y))
		}
		tape.Backward(loss)
		for i, x := range append(ys, sigma, omega, z0, b, c, lambda, d0, db, a, a0, ab) {
			for _, s := range [][]float32{x.Data, x.Grad} {
				for _, u := range s {
					require.False(t, math.IsNaN(float64(u)) || math.IsInf(float64(u), 0), "rate %g, tensor %d: %v", rate, i, s)
				}
			}
		}
		if rate <= -1e4 {
			// The fixed points: -b/lambda, and for the dense form -A^-1 b.
			require.InEpsilon(t, 2/-float64(rate), float64(ys[2].Data[3*3]), 1e-6)
			det := float64(a.Data[0])*float64(a.Data[3]) + 1
			require.InEpsilon(t, -(2*float64(a.Data[3])-2)/det, float64(ys[3].Data[2*2]), 1e-5)
		}
	}
}

func TestDeterministicAndAllocationFree(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	tape := tensor.NewTape(nil, true)
	shapes := [][]int{{40, 8}, {40, 8}, {40, 16}, {40, 16}, {16}, {40, 10}}
	vals := make([][]float64, len(shapes))
	for i, s := range shapes {
		vals[i] = normal(r, tensor.MakeShape(s...).Size())
	}
	var in [6]*tensor.Tensor
	var last []float32
	dense := func() {
		a, z0, b := tape.Variable(2, 3, 3), tape.Variable(2, 3), tape.Variable(2, 3)
		tau := tape.New(2, 2)
		for i := range tau.Data {
			tau.Data[i], z0.Data[i] = 0.5, 1
		}
		DenseStates(tape, a, z0, b, tau)
		DiagonalStates(tape, z0, z0, b, tau)
	}
	step := func() {
		tape.Reset()
		for i, s := range shapes {
			in[i] = tape.Variable(s...)
			for k, v := range vals[i] {
				in[i].Data[k] = float32(v)
			}
		}
		dense()
		y := PairsReadout(tape, in[0], in[1], in[2], in[3], in[4], in[5])
		z := PairsStates(tape, in[0], in[1], in[2], in[3], in[5])
		tape.Backward(tape.Add(tape.SumAll(y), tape.SumAll(z)))
		last = in[0].Grad
	}
	step()
	first := append([]float32(nil), last...)
	step()
	require.Equal(t, first, last)
	allocs.RequireNone(t, 5, step)
}

func TestShapePanics(t *testing.T) {
	tape := tensor.NewTape(nil, false)
	n := func(s ...int) *tensor.Tensor { return tape.New(s...) }
	require.PanicsWithValue(t, "linode: PairsReadout: z0 has shape [4 5], needs [4 6]", func() {
		PairsReadout(tape, n(4, 3), n(4, 3), n(4, 5), n(4, 6), n(6), n(4, 2))
	})
	require.Panics(t, func() { PairsReadout(tape, n(4, 3), n(4, 3), n(4, 6), n(4, 6), n(5), n(4, 2)) })
	require.Panics(t, func() { PairsStates(tape, n(4, 3), n(4, 3), n(4, 6), n(4, 6), n(3, 2)) })
	require.Panics(t, func() { DiagonalStates(tape, n(4, 3), n(4, 3), n(4, 2), n(4, 2)) })
	require.Panics(t, func() { DenseStates(tape, n(1, 17, 17), n(1, 17), n(1, 17), n(1, 1)) })
	require.Panics(t, func() { NewDense(17) })
}
