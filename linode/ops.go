package linode

import (
	"fmt"

	"github.com/lassode/lassode/tensor"
)

var (
	opPairsReadout = tensor.Register("linode.PairsReadout", pairsReadoutBackward)
	opPairsStates  = tensor.Register("linode.PairsStates", pairsStatesBackward)
)

// checkPairs validates the operands of a pair operation and gathers them.
// c is nil for states.
func checkPairs(name string, sigma, omega, z0, b, c, tau *tensor.Tensor) pairArgs {
	n, pairs := tokensByWidth(name, sigma)
	a := pairArgs{
		sigma: sigma.Data, omega: omega.Data, z0: z0.Data, b: b.Data,
		tau: tau.Data, n: n, pairs: pairs,
	}
	expect(name, "omega", omega, n, pairs)
	expect(name, "z0", z0, n, 2*pairs)
	expect(name, "b", b, n, 2*pairs)
	if c != nil {
		a.c = c.Data
		if c.Shape.Rank() == 1 {
			expect(name, "c", c, 1, 2*pairs)
		} else {
			expect(name, "c", c, n, 2*pairs)
			a.cStride = 2 * pairs
		}
	}
	a.queries, a.tauStride = times(name, tau, n)
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
	y := t.Output(tensor.MakeShape(a.n, a.queries), sigma, omega, z0, b, c)
	node := t.Record(opPairsReadout, y, sigma, omega, z0, b, c, tau)
	a.forward(t, node, y.Data)
	return y
}

// PairsStates evaluates the states themselves, [N,Q,2P] interleaved, of the
// tokens described at [PairsReadout].
func PairsStates(t *tensor.Tape, sigma, omega, z0, b, tau *tensor.Tensor) *tensor.Tensor {
	a := checkPairs("PairsStates", sigma, omega, z0, b, nil, tau)
	z := t.Output(tensor.MakeShape(a.n, a.queries, 2*a.pairs), sigma, omega, z0, b)
	node := t.Record(opPairsStates, z, sigma, omega, z0, b, nil, tau)
	a.forward(t, node, z.Data)
	return z
}

// forward computes the readout, or the states when there is none, block by
// block. The factors are kept in the node when there is one.
func (a *pairArgs) forward(t *tensor.Tape, node *tensor.Node, dst []float32) {
	per := a.pairs * a.queries
	block := pairTokens(a.n, a.pairs, a.queries)
	var er, ei, mr []float32
	if node != nil {
		er, ei, mr = t.Scratch(a.n*per), t.Scratch(a.n*per), t.Scratch(a.n*per)
		node.Saved[0], node.Saved[1], node.Saved[2] = er, ei, mr
	}
	mark := t.Mark()
	if node == nil {
		er, ei, mr = t.Scratch(block*per), t.Scratch(block*per), t.Scratch(block*per)
	}
	scratch := t.Scratch(pairScratch(block, a.pairs, a.queries))
	for lo := 0; lo < a.n; lo += block {
		hi := min(lo+block, a.n)
		from := 0
		if node != nil {
			from = lo * per
		}
		to := from + (hi-lo)*per
		a.blockFactors(er[from:to], ei[from:to], mr[from:to], scratch, lo, hi)
		if a.c != nil {
			a.readout(dst, er[from:to], ei[from:to], mr[from:to], lo, hi)
		} else {
			a.states(dst, er[from:to], ei[from:to], mr[from:to], lo, hi)
		}
	}
	t.Release(mark)
}

func pairsReadoutBackward(t *tensor.Tape, n *tensor.Node) {
	sigma, omega, z0, b, c, tau := n.In[0], n.In[1], n.In[2], n.In[3], n.In[4], n.In[5]
	a := checkPairs("PairsReadout", sigma, omega, z0, b, c, tau)
	d := pairGrads{sigma: sigma.Grad, omega: omega.Grad, z0: z0.Grad, b: b.Grad, c: c.Grad}
	a.readoutGrad(&d, n.Out.Grad, n.Saved[0], n.Saved[1], n.Saved[2], 0, a.n)
}

func pairsStatesBackward(t *tensor.Tape, n *tensor.Node) {
	sigma, omega, z0, b, tau := n.In[0], n.In[1], n.In[2], n.In[3], n.In[5]
	a := checkPairs("PairsStates", sigma, omega, z0, b, nil, tau)
	d := pairGrads{sigma: sigma.Grad, omega: omega.Grad, z0: z0.Grad, b: b.Grad}
	a.statesGrad(&d, n.Out.Grad, n.Saved[0], n.Saved[1], n.Saved[2], 0, a.n)
}
