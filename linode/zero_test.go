package linode

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode/tensor"
)

// Where all times are zero the state is z0, whatever the generator and the
// drive, and so are the gradients.
func TestPairsAtTimeZero(t *testing.T) {
	const pairs, queries = 5, 7
	for _, growth := range []float32{-10, -.3, 0, 1} {
		tape := tensor.NewTape(nil, true)
		variable := func(v float32, n int) *tensor.Tensor {
			x := tape.Variable(1, n)
			for i := range x.Data {
				x.Data[i] = v
			}
			return x
		}
		sigma, omega := variable(growth, pairs), variable(.7, pairs)
		z0, b, c := variable(.5, 2*pairs), variable(2, 2*pairs), variable(1, 2*pairs)
		tau := tape.New(1, queries)
		states := PairsStates(tape, sigma, omega, z0, b, tau)
		readout := PairsReadout(tape, sigma, omega, z0, b, c, tau)
		tape.Backward(tape.Add(tape.SumAll(states), tape.SumAll(readout)))
		for i, v := range states.Data {
			require.Equal(t, float32(.5), v, "%d", i)
		}
		for _, x := range []*tensor.Tensor{sigma, omega, b} {
			for _, v := range x.Grad {
				require.Zero(t, v)
			}
		}
		for _, v := range z0.Grad {
			require.InDelta(t, 2*queries, v, 1e-5)
		}
	}
}
