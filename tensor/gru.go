package tensor

import (
	"fmt"

	"github.com/lassode/lassode/asm"
)

// gruRows is the least number of rows of a block of steps: enough for an
// efficient product, few enough that a block stays in the second-level cache.
const gruRows = 256

var opGRU = Register("tensor.GRU", gruBackward)

// GRU runs a gated recurrent unit over many sequences at once and returns the
// final hidden state of each, [seqs, h]; an empty sequence gives zeros. Row r
// of x [total, in] belongs to sequence s when offsets[s] <= r < offsets[s+1];
// offsets has seqs+1 entries from 0 to total and does not decrease. The cell
// is PyTorch's, gates in the order r, z, n: wi [in, 3h], wh [h, 3h], bi and
// bh [3h], start state zero.
//
// The hidden part is one matrix product per time step over the sequences that
// are still running, which the sorting by length makes a leading block of rows.
// The input part, and the gradients of the weights, are products over blocks of
// whole steps, as many as stay in cache until they are used.
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
	// hs holds the hidden states, step-major: the zeros at the start, then those
	// after each step, which are all kept for the way back. The sequences that go
	// on are the first rows of those after a step, so nothing needs to be moved.
	// Without a way back the states of two steps take turns.
	var hs, gates []float32
	first := 0
	if longest > 0 {
		first = int(active[0])
	}
	if keep {
		hs, gates = t.Scratch((first+total)*h), t.Scratch(total*4*h)
	} else {
		hs = t.Scratch(2 * first * h)
	}
	clear(hs[:first*h])
	gh := t.Scratch(first * 3 * h)
	block := t.Scratch(min(total, first+gruRows) * 3 * h)
	var gi []float32 // what is left of block
	for i := first; i < seqs; i++ {
		s := int(seqOf[i])
		clear(y.Data[s*h : (s+1)*h])
	}
	p = 0
	prev, hn := hs, hs[first*h:]
	for k := 0; k < longest; k++ {
		n, next := int(active[k]), int(active[k+1])
		if len(gi) == 0 {
			rows := n
			for j := k + 1; j < longest && rows < gruRows; j++ {
				rows += int(active[j])
			}
			gi = block[:rows*3*h]
			t.product(gi, xp[p*in:(p+rows)*in], rows, wi, bi)
		}
		if k == 0 {
			fillRows(gh[:n*3*h], bh.Data, n)
		} else {
			t.product(gh[:n*3*h], prev[:n*h], n, wh, bh)
		}
		gk := gates
		if keep {
			gk = gates[p*4*h : (p+n)*4*h]
		}
		asm.GRUGates(hn[:n*h], gi[:n*3*h], gh[:n*3*h], prev[:n*h], gk, n, h)
		gi = gi[n*3*h:]
		for i := next; i < n; i++ {
			s := int(seqOf[i])
			copy(y.Data[s*h:(s+1)*h], hn[i*h:(i+1)*h])
		}
		p += n
		if keep {
			prev, hn = hn, hn[n*h:]
		} else {
			prev, hn = hn, prev
		}
	}
	node := t.Record(opGRU, y, x, wi, wh, bi, bh)
	if node == nil {
		t.Release(mark)
		return y
	}
	node.Ints = [10]int{total, in, h, seqs, longest}
	node.Saved[0], node.Saved[1], node.Saved[2] = xp, hs, gates
	node.Index[0], node.Index[1], node.Index[2] = active, seqOf, order
	return y
}

func gruBackward(t *Tape, node *Node) {
	x, wi, wh, bi, bh := node.In[0], node.In[1], node.In[2], node.In[3], node.In[4]
	total, in, h, seqs, longest := node.Ints[0], node.Ints[1], node.Ints[2], node.Ints[3], node.Ints[4]
	xp, hs, gates := node.Saved[0], node.Saved[1], node.Saved[2]
	active, seqOf, order := node.Index[0], node.Index[1], node.Index[2]
	if longest == 0 {
		return
	}
	dy := node.Out.Grad
	first := int(active[0])
	// Gradients of the gates, for the steps of a block, which fill the buffers
	// from the end: the rows from p to end are waiting.
	room := min(total, first+gruRows)
	gi, gh := t.Scratch(room*3*h), t.Scratch(room*3*h)
	dh, dhPrev := t.Scratch(seqs*h), t.Scratch(seqs*h)
	var dxp []float32
	if x.Grad != nil {
		dxp = t.Scratch(room * in)
	}
	p, end, last := total, total, longest
	for k := longest - 1; k >= 0; k-- {
		n, next := int(active[k]), int(active[k+1])
		// The sequences that end with this step take their gradient from the
		// output; the others have theirs from the step behind.
		for i := next; i < n; i++ {
			s := int(seqOf[i])
			copy(dh[i*h:(i+1)*h], dy[s*h:(s+1)*h])
		}
		p -= n
		before := 0 // where the states before this step begin
		if k > 0 {
			before = first + p - int(active[k-1])
		}
		at := room - (end - p)
		dgi, dgh := gi[at*3*h:], gh[at*3*h:]
		clear(dhPrev[:n*h])
		asm.GRUGatesGrad(dgi[:n*3*h], dgh[:n*3*h], dhPrev[:n*h], dh[:n*h],
			gates[p*4*h:(p+n)*4*h], hs[before*h:(before+n)*h], n, h)
		if k > 0 { // the start state is a constant
			asm.Gemm(false, true, n, h, 3*h, dgh, 3*h, wh.Data, 3*h, dhPrev[:n*h], h, true)
		}
		dh, dhPrev = dhPrev, dh
		rows := end - p
		if k > 0 && rows < gruRows {
			continue
		}
		if bi.Grad != nil {
			addColumnSums(bi.Grad, dgi, rows)
		}
		if bh.Grad != nil {
			addColumnSums(bh.Grad, dgh, rows)
		}
		if wi.Grad != nil {
			asm.Gemm(true, false, in, 3*h, rows, xp[p*in:], in, dgi, 3*h, wi.Grad, 3*h, true)
		}
		if wh.Grad != nil {
			gruHidden(wh.Grad, hs, dgh, active[:last], k, before, h)
		}
		if x.Grad != nil {
			asm.Gemm(false, true, rows, in, 3*h, dgi, 3*h, wi.Data, 3*h, dxp, in, false)
			for i, r := range order[p:end] {
				addTo(x.Grad[int(r)*in:(int(r)+1)*in], dxp[i*in:(i+1)*in])
			}
		}
		end, last = p, k
	}
}

// gruHidden adds to dw, the gradient of the hidden weight, what steps k to
// len(active)-1 contribute, whose gradients are the rows of dgh; the states
// before step k begin at row before of hs. It is one product for all steps
// between which no sequence ends. The first step of all starts from zeros and
// adds nothing.
func gruHidden(dw, hs, dgh []float32, active []int32, k, before, h int) {
	p := 0
	if k == 0 {
		p, before, k = int(active[0]), int(active[0]), 1
	}
	for k < len(active) {
		rows := int(active[k])
		skip := int(active[k-1]) - rows // states of sequences that ended
		for k++; k < len(active) && skip == 0; k++ {
			skip = int(active[k-1] - active[k])
			rows += int(active[k])
		}
		asm.Gemm(true, false, h, 3*h, rows, hs[before*h:], h, dgh[p*3*h:], 3*h, dw, 3*h, true)
		p += rows
		before += rows + skip
	}
}
