package linode

import (
	"fmt"

	"github.com/lassode/lassode/asm"
	"github.com/lassode/lassode/tensor"
)

var (
	opPairsReadout = tensor.Register("linode.PairsReadout", pairsReadoutBackward)
	opPairsStates  = tensor.Register("linode.PairsStates", pairsStatesBackward)
)

// checkPairs validates the operands of a pair operation and gathers them.
// c is nil for states.
func checkPairs(name string, sigma, omega, z0, b, c, tau *tensor.Tensor) asm.PairTokens {
	n, pairs := tokensByWidth(name, sigma)
	a := asm.PairTokens{
		Sigma: sigma.Data, Omega: omega.Data, Z0: z0.Data, B: b.Data,
		Tau: tau.Data, Tokens: n, Pairs: pairs,
	}
	expect(name, "omega", omega, n, pairs)
	expect(name, "z0", z0, n, 2*pairs)
	expect(name, "b", b, n, 2*pairs)
	if c != nil {
		a.C = c.Data
		if c.Shape.Rank() == 1 {
			expect(name, "c", c, 1, 2*pairs)
		} else {
			expect(name, "c", c, n, 2*pairs)
		}
	}
	a.Queries, _ = times(name, tau, n)
	return a
}

// tokensByWidth reads [.., width] as tokens x width.
func tokensByWidth(name string, x *tensor.Tensor) (n, width int) {
	if x.Shape.Rank() < 1 {
		panic(fmt.Sprintf("linode: %s: scalar %v, needs [tokens, width]", name, x.Shape))
	}
	return x.Shape.Rows(), x.Shape.Last()
}

// times reads tau, [n, queries] or [queries] shared by all tokens.
func times(name string, tau *tensor.Tensor, n int) (queries, stride int) {
	if tau.Shape.Rank() == 1 {
		return tau.Shape.Last(), 0
	}
	q := tau.Shape.Last()
	expect(name, "tau", tau, n, q)
	return q, q
}

// expect panics unless x is rows x width, leading axes folded.
func expect(name, what string, x *tensor.Tensor, rows, width int) {
	if x.Shape.Rows() != rows || x.Shape.Last() != width {
		panic(fmt.Sprintf("linode: %s: %s has shape %v, needs [%d %d]", name, what, x.Shape, rows, width))
	}
}

// PairsReadout evaluates locally linear ODE tokens and their scalar readout:
//
//	y[i,q] = sum over p of c_p . z_p(tau[i,q]),  z_p' = [[sigma, -omega], [omega, sigma]] z_p + b_p.
//
// For N tokens, P pairs and Q times: sigma [N,P] is the growth rate (negative:
// decay) and omega [N,P] the angular frequency, both per unit of tau; z0 [N,2P]
// the state at tau = 0, b [N,2P] the drive and c [2P] (shared) or [N,2P] the
// readout, all re, im interleaved; tau [N,Q], or [Q] for all tokens alike, takes
// no gradient. Leading axes of more than one are folded into N. The result is
// [N,Q]. Panics on other shapes. See the package comment for the range.
func PairsReadout(t *tensor.Tape, sigma, omega, z0, b, c, tau *tensor.Tensor) *tensor.Tensor {
	a := checkPairs("PairsReadout", sigma, omega, z0, b, c, tau)
	y := t.Output(tensor.MakeShape(a.Tokens, a.Queries), sigma, omega, z0, b, c)
	t.Record(opPairsReadout, y, sigma, omega, z0, b, c, tau)
	mark := t.Mark()
	asm.PairsReadout(y.Data, &a, pairWork(t, &a))
	t.Release(mark)
	return y
}

// PairsStates evaluates the states themselves, [N,Q,2P] interleaved, of the
// tokens described at [PairsReadout].
func PairsStates(t *tensor.Tape, sigma, omega, z0, b, tau *tensor.Tensor) *tensor.Tensor {
	a := checkPairs("PairsStates", sigma, omega, z0, b, nil, tau)
	z := t.Output(tensor.MakeShape(a.Tokens, a.Queries, 2*a.Pairs), sigma, omega, z0, b)
	t.Record(opPairsStates, z, sigma, omega, z0, b, nil, tau)
	mark := t.Mark()
	asm.PairsStates(z.Data, &a, pairWork(t, &a))
	t.Release(mark)
	return z
}

// pairWork takes the scratch of the kernels for one block of tokens.
func pairWork(t *tensor.Tape, a *asm.PairTokens) []float32 {
	return t.Scratch(pairTokens(a.Tokens, a.Pairs, a.Queries) * asm.PairsWork(a.Pairs))
}

// The backward passes evaluate E and M again: that takes less time than to write
// and read back three numbers per element, and no memory.

func pairsReadoutBackward(t *tensor.Tape, n *tensor.Node) {
	sigma, omega, z0, b, c, tau := n.In[0], n.In[1], n.In[2], n.In[3], n.In[4], n.In[5]
	a := checkPairs("PairsReadout", sigma, omega, z0, b, c, tau)
	d := pairGrads{sigma: sigma.Grad, omega: omega.Grad, z0: z0.Grad, b: b.Grad, c: c.Grad}
	work := pairWork(t, &a)
	block := pairTokens(a.Tokens, a.Pairs, a.Queries)
	sums := t.Scratch(block * a.Pairs * asm.PairsSumWidth)
	for lo := 0; lo < a.Tokens; lo += block {
		hi := min(lo+block, a.Tokens)
		part := pairsSlice(&a, lo, hi)
		s := sums[:(hi-lo)*a.Pairs*asm.PairsSumWidth]
		asm.PairsSums(s, &part, n.Out.Grad[lo*a.Queries:hi*a.Queries], work)
		readoutGrad(&a, &d, n.Out.Grad, s, lo, hi)
	}
}

func pairsStatesBackward(t *tensor.Tape, n *tensor.Node) {
	sigma, omega, z0, b, tau := n.In[0], n.In[1], n.In[2], n.In[3], n.In[5]
	a := checkPairs("PairsStates", sigma, omega, z0, b, nil, tau)
	d := pairGrads{sigma: sigma.Grad, omega: omega.Grad, z0: z0.Grad, b: b.Grad}
	work := pairWork(t, &a)
	block := pairTokens(a.Tokens, a.Pairs, a.Queries)
	sums := t.Scratch(block * a.Pairs * asm.PairsStateSumWidth)
	width := 2 * a.Queries * a.Pairs
	for lo := 0; lo < a.Tokens; lo += block {
		hi := min(lo+block, a.Tokens)
		part := pairsSlice(&a, lo, hi)
		s := sums[:(hi-lo)*a.Pairs*asm.PairsStateSumWidth]
		asm.PairsStateSums(s, &part, n.Out.Grad[lo*width:hi*width], work)
		statesGrad(&a, &d, n.Out.Grad, s, lo, hi)
	}
}
