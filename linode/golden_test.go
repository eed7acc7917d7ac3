package linode

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/lassode/lassode/tensor"
	"github.com/stretchr/testify/require"
)

// TestGolden compares with testdata/golden.json, written by independent code
// (testdata/README.md).
func TestGolden(t *testing.T) {
	raw, err := os.ReadFile("../testdata/golden.json")
	require.NoError(t, err)
	var g struct {
		Pairs struct {
			Tokens, Pairs, Queries                   int
			Sigma, Omega, Z0, B, C, Tau, Out, States []float64
		}
		Dense struct {
			N                     int
			A, B, Z0, T, Exp, Out []float64
		}
	}
	require.NoError(t, json.Unmarshal(raw, &g))

	tape := tensor.NewTape(nil, false)
	in := func(x []float64, shape ...int) *tensor.Tensor {
		y := tape.New(shape...)
		require.Len(t, x, y.Size())
		for i, v := range x {
			y.Data[i] = float32(v)
		}
		return y
	}
	close := func(want []float64, got []float32, tol float64) {
		t.Helper()
		require.NotEmpty(t, want)
		require.Len(t, got, len(want))
		for i, v := range want {
			require.InDelta(t, v, float64(got[i]), tol*(1+max(v, -v)), "entry %d", i)
		}
	}
	p := g.Pairs
	n, w := p.Tokens, p.Pairs
	sigma, omega, tau := in(p.Sigma, n, w), in(p.Omega, n, w), in(p.Tau, n, p.Queries)
	z0, b, c := in(p.Z0, n, 2*w), in(p.B, n, 2*w), in(p.C, 2*w)
	readout := PairsReadout(tape, sigma, omega, z0, b, c, tau)
	close(p.Out, readout.Data, 1e-5)
	close(p.States, PairsStates(tape, sigma, omega, z0, b, tau).Data, 1e-5)
	for i := 0; i < n; i++ {
		y := make([]float32, p.Queries)
		EvalPairs(y, nil, sigma.Data[i*w:(i+1)*w], omega.Data[i*w:(i+1)*w], z0.Data[i*2*w:(i+1)*2*w],
			b.Data[i*2*w:(i+1)*2*w], c.Data, tau.Data[i*p.Queries:(i+1)*p.Queries])
		close(p.Out[i*p.Queries:(i+1)*p.Queries], y, 1e-5)
	}

	d := g.Dense
	cases := len(d.T)
	// Float64: to rounding, relative to the largest entry.
	work := NewDense(d.N)
	for i := 0; i < cases; i++ {
		e := make([]float64, d.N*d.N)
		work.Exp(e, d.A[i*d.N*d.N:(i+1)*d.N*d.N], d.N)
		requireClose(t, d.Exp[i*d.N*d.N:(i+1)*d.N*d.N], e, 1e-13, "exp")
		z := make([]float64, d.N)
		work.State(z, nil, d.A[i*d.N*d.N:(i+1)*d.N*d.N], d.Z0[i*d.N:(i+1)*d.N], d.B[i*d.N:(i+1)*d.N], d.T[i])
		requireClose(t, d.Out[i*d.N:(i+1)*d.N], z, 1e-13, "state")
	}
	close(d.Out, DenseStates(tape, in(d.A, cases, d.N, d.N), in(d.Z0, cases, d.N), in(d.B, cases, d.N), in(d.T, cases, 1)).Data, 1e-6)
}
