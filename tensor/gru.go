package tensor

import (
	"fmt"

	"github.com/lassode/lassode/asm"
)

var opGRU = Register("tensor.GRU", gruBackward)

// GRU runs a gated recurrent unit over many sequences at once and returns the
// final hidden state of each, [seqs, h]; an empty sequence gives zeros. Row r
// of x [total, in] belongs to sequence s when offsets[s] <= r < offsets[s+1];
// offsets has seqs+1 entries from 0 to total and does not decrease. The cell
// is PyTorch's, gates in the order r, z, n: wi [in, 3h], wh [h, 3h], bi and
// bh [3h], start state zero.
//
// The input part is one matrix product over all rows, the hidden part one per
// time step over the sequences that are still running, which the sorting by
// length makes a leading block of rows.
func (t *Tape) GRU(x *Tensor, offsets []int32, wi, wh, bi, bh *Tensor) *Tensor {
	if x.Shape.rank != 2 || wi.Shape.rank != 2 || wh.Shape.rank != 2 {
		mismatch("GRU", x.Shape, wi.Shape, "input and weights must have rank 2")
	}
	total, in := x.Shape.dim[0], x.Shape.dim[1]
	h := wh.Shape.dim[0]
	if wi.Shape.dim[0] != in || wi.Shape.dim[1] != 3*h {
		mismatch("GRU", x.Shape, wi.Shape, fmt.Sprintf("input weight must be [%d %d]", in, 3*h))
	}
	if wh.Shape.dim[1] != 3*h || len(bi.Data) != 3*h || len(bh.Data) != 3*h {
		mismatch("GRU", wh.Shape, bi.Shape, fmt.Sprintf("hidden weight must be [%d %d], biases [%d]", h, 3*h, 3*h))
	}
	seqs := len(offsets) - 1
	if seqs < 0 || offsets[0] != 0 || int(offsets[seqs]) != total {
		panic(fmt.Sprintf("tensor: GRU: %d offsets must run from 0 to the %d rows of x", len(offsets), total))
	}
	longest := 0
	for s := 0; s < seqs; s++ {
		n := int(offsets[s+1] - offsets[s])
		if n < 0 {
			panic(fmt.Sprintf("tensor: GRU: offsets decrease at %d", s))
		}
		longest = max(longest, n)
	}
	y := t.Output(MakeShape(seqs, h), x, wi, wh, bi, bh)
	keep := y.Grad != nil
	mark := t.Mark()

	// active[k] = number of sequences longer than k; seqOf lists the sequences
	// by falling length, equal ones in order (a counting sort).
	active := t.Ints(longest + 1)
	seqOf := t.Ints(seqs)
	for s := 0; s < seqs; s++ {
		if n := offsets[s+1] - offsets[s]; n > 0 {
			active[n-1]++
		}
	}
	for k := longest - 1; k >= 0; k-- {
		active[k] += active[k+1]
	}
	cursor := t.Ints(longest + 1) // cursor[n]: next place for a sequence of length n
	copy(cursor, active)          // those longer than n come first
	for s := 0; s < seqs; s++ {
		n := offsets[s+1] - offsets[s]
		seqOf[cursor[n]] = int32(s)
		cursor[n]++
	}

	// Rows of x in step-major order.
	order := t.Ints(total)
	xp := t.Scratch(total * in)
	p := 0
	for k := 0; k < longest; k++ {
		for i := 0; i < int(active[k]); i++ {
			r := int(offsets[seqOf[i]]) + k
			order[p] = int32(r)
			copy(xp[p*in:(p+1)*in], x.Data[r*in:(r+1)*in])
			p++
		}
	}
	gi := t.Scratch(total * 3 * h)
	fillRows(gi, bi.Data, total)
	asm.Gemm(false, false, total, 3*h, in, xp, in, wi.Data, 3*h, gi, 3*h, true)

	// hp holds the hidden state before each step, step-major when kept for the
	// way back, else that of the present step only.
	var hp, gates []float32
	first := 0
	if longest > 0 {
		first = int(active[0])
	}
	if keep {
		hp, gates = t.Scratch(total*h), t.Scratch(total*4*h)
	} else {
		hp = t.Scratch(first * h)
	}
	clear(hp[:first*h])
	gh, hn := t.Scratch(first*3*h), t.Scratch(first*h)
	for i := first; i < seqs; i++ {
		s := int(seqOf[i])
		clear(y.Data[s*h : (s+1)*h])
	}
	p = 0
	for k := 0; k < longest; k++ {
		n, next := int(active[k]), int(active[k+1])
		hpk, gk := hp[:n*h], gates
		if keep {
			hpk, gk = hp[p*h:(p+n)*h], gates[p*4*h:(p+n)*4*h]
		}
		fillRows(gh[:n*3*h], bh.Data, n)
		if k > 0 {
			asm.Gemm(false, false, n, 3*h, h, hpk, h, wh.Data, 3*h, gh[:n*3*h], 3*h, true)
		}
		asm.GRUGates(hn[:n*h], gi[p*3*h:(p+n)*3*h], gh[:n*3*h], hpk, gk, n, h)
		p += n
		if keep {
			copy(hp[p*h:], hn[:next*h])
		} else {
			copy(hp, hn[:next*h])
		}
		for i := next; i < n; i++ {
			s := int(seqOf[i])
			copy(y.Data[s*h:(s+1)*h], hn[i*h:(i+1)*h])
		}
	}
	node := t.Record(opGRU, y, x, wi, wh, bi, bh)
	if node == nil {
		t.Release(mark)
		return y
	}
	node.Ints = [10]int{total, in, h, seqs, longest}
	node.Saved[0], node.Saved[1], node.Saved[2] = xp, hp, gates
	node.Index[0], node.Index[1], node.Index[2] = active, seqOf, order
	return y
}

func gruBackward(t *Tape, node *Node) {
	x, wi, wh, bi, bh := node.In[0], node.In[1], node.In[2], node.In[3], node.In[4]
	total, in, h, seqs, longest := node.Ints[0], node.Ints[1], node.Ints[2], node.Ints[3], node.Ints[4]
	xp, hp, gates := node.Saved[0], node.Saved[1], node.Saved[2]
	active, seqOf, order := node.Index[0], node.Index[1], node.Index[2]
	if longest == 0 {
		return
	}
	dy := node.Out.Grad
	dgi, dgh := t.Scratch(total*3*h), t.Scratch(total*3*h)
	dh, dhPrev := t.Scratch(seqs*h), t.Scratch(seqs*h)
	p := total
	for k := longest - 1; k >= 0; k-- {
		n, next := int(active[k]), int(active[k+1])
		// The sequences that end with this step take their gradient from the
		// output; the others have theirs from the step behind.
		for i := next; i < n; i++ {
			s := int(seqOf[i])
			copy(dh[i*h:(i+1)*h], dy[s*h:(s+1)*h])
		}
		p -= n
		dgik, dghk := dgi[p*3*h:(p+n)*3*h], dgh[p*3*h:(p+n)*3*h]
		clear(dhPrev[:n*h])
		asm.GRUGatesGrad(dgik, dghk, dhPrev[:n*h], dh[:n*h],
			gates[p*4*h:(p+n)*4*h], hp[p*h:(p+n)*h], n, h)
		if k > 0 { // the start state is a constant
			asm.Gemm(false, true, n, h, 3*h, dghk, 3*h, wh.Data, 3*h, dhPrev[:n*h], h, true)
		}
		dh, dhPrev = dhPrev, dh
	}
	if bi.Grad != nil {
		addColumnSums(bi.Grad, dgi, total)
	}
	if bh.Grad != nil {
		addColumnSums(bh.Grad, dgh, total)
	}
	if wi.Grad != nil {
		asm.Gemm(true, false, in, 3*h, total, xp, in, dgi, 3*h, wi.Grad, 3*h, true)
	}
	if wh.Grad != nil {
		// The first step starts from zeros and adds nothing.
		skip := int(active[0])
		asm.Gemm(true, false, h, 3*h, total-skip, hp[skip*h:], h, dgh[skip*3*h:], 3*h, wh.Grad, 3*h, true)
	}
	if x.Grad != nil {
		dxp := t.Scratch(total * in)
		asm.Gemm(false, true, total, in, 3*h, dgi, 3*h, wi.Data, 3*h, dxp, in, false)
		for i, r := range order {
			addTo(x.Grad[int(r)*in:(int(r)+1)*in], dxp[i*in:(i+1)*in])
		}
	}
}
