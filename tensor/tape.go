package tensor

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/lassode/lassode/asm"
)

// Tensor is a dense row-major float32 array on a tape. Tensors are made by the
// methods of Tape and live until its next Reset; operations never change their
// inputs. Views (Reshape, Slice along a leading axis, StopGradient) share Data,
// and all but StopGradient share Grad.
type Tensor struct {
	// Shape holds the axis lengths; Shape.Size() == len(Data).
	Shape Shape
	// Data holds the values.
	Data []float32
	// Grad accumulates the derivative of the loss, len(Data) values. It is nil
	// when no gradient is needed: on inference tapes, and for every tensor that
	// depends on no parameter or variable. Before Backward only that of a
	// Variable or a parameter may be read or written.
	Grad []float32

	base   *Tensor // owner of the memory of a view
	fresh  bool    // nothing has been added to Grad: its contents are arbitrary
	frozen *frozenWeight
}

// first tells an operation that overwrites gradients (see Op.overwrites)
// whether x.Grad is still to be written for the first time. From then on it
// counts as written.
func (x *Tensor) first() bool {
	b := x
	if x.base != nil {
		b = x.base
	}
	if !b.fresh {
		return false
	}
	b.fresh = false
	if len(x.Grad) == len(b.Grad) {
		return true
	}
	clear(b.Grad)
	return false
}

// settle makes the gradient of x a number to add to.
func (x *Tensor) settle() {
	if x.base != nil {
		x = x.base
	}
	if x.fresh {
		clear(x.Grad)
		x.fresh = false
	}
}

// Dim returns the length of axis i of the tensor, negative from the end.
func (x *Tensor) Dim(i int) int { return x.Shape.Dim(i) }

// Size returns the number of elements.
func (x *Tensor) Size() int { return len(x.Data) }

// Op is the definition of a differentiable operation: a name and what it does
// on the way back. Make one with Register, once, in a package-level variable.
type Op struct {
	// Name is unique, with the package in front: "linode.PairsReadout".
	Name string
	// Backward adds the gradients of the inputs, see Register.
	Backward func(t *Tape, n *Node)

	// overwrites: Backward asks Tensor.first of each input before it adds, and
	// overwrites where that says so. For other operations the tape clears the
	// gradients of the inputs just before, while they are about to be used.
	overwrites bool
}

// Node is one recorded operation. Everything but Out and In is free for the
// operation to keep what its Backward needs; fields are zero when Record
// returns. Slices kept in Saved and Index should come from the tape (Scratch,
// Floats, Ints) or outlive the call to Backward.
type Node struct {
	Out    *Tensor
	In     [10]*Tensor
	More   []*Tensor // inputs from the eleventh on, tape memory
	Ints   [10]int
	Floats [4]float32
	Saved  [6][]float32
	Index  [3][]int32

	op *Op
}

var registry struct {
	sync.Mutex
	ops map[string]*Op
}

// Register defines an operation for Tape.Record. backward receives the node
// with n.Out.Grad complete and must ADD to n.In[i].Grad for each input whose
// Grad is not nil; it must not touch n.Out.Grad, nor any Data. Memory that it
// takes from the tape is only valid until it returns. Register panics when the
// name is taken; it may be called from several goroutines, and is meant for
// package-level variables.
func Register(name string, backward func(t *Tape, n *Node)) *Op {
	registry.Lock()
	defer registry.Unlock()
	if name == "" || backward == nil {
		panic("tensor: Register: needs a name and a backward function")
	}
	if _, ok := registry.ops[name]; ok {
		panic(fmt.Sprintf("tensor: Register: duplicate name %q", name))
	}
	if registry.ops == nil {
		registry.ops = make(map[string]*Op)
	}
	op := &Op{Name: name, Backward: backward}
	registry.ops[name] = op
	return op
}

// registerOverwriting is Register for operations with Op.overwrites.
func registerOverwriting(name string, backward func(t *Tape, n *Node)) *Op {
	op := Register(name, backward)
	op.overwrites = true
	return op
}

// Ops returns the names of all registered operations, sorted. A package's
// gradient-check table compares those with its own prefix against its cases.
func Ops() []string {
	registry.Lock()
	defer registry.Unlock()
	names := make([]string, 0, len(registry.ops))
	for name := range registry.ops {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// tmpLen is the length of the strip in which multi-pass element-wise kernels
// work: three of them stay in the first-level cache.
const tmpLen = 1024

// Tape runs operations and, when made with grad, records them for Backward.
// It owns the memory of everything computed on it and reuses it after Reset:
// a run with the same operations and shapes as an earlier one allocates
// nothing. A tape is for one goroutine at a time; many tapes may share one
// Params concurrently.
type Tape struct {
	params  *Params
	record  bool
	done    bool // Backward has run since Reset
	grads   []float32
	leaves  []Tensor // one per parameter; Data nil until first used
	floats  arena[float32]
	ints    arena[int32]
	ptrs    arena[*Tensor]
	tensors pool[Tensor]
	nodes   pool[Node]
	tmp     [tmpLen]float32

	frozen   *Frozen      // the owner of params, if they cannot change
	epilogue asm.Epilogue // of the product in progress; here, so that it is never allocated
}

// NewTape returns a tape over p, which may be nil when no parameters are used.
// With grad false it is an inference tape: nothing is recorded, no tensor has
// a Grad, and memory is reused all the same.
func NewTape(p *Params, grad bool) *Tape {
	t := &Tape{params: p, record: grad}
	t.bind()
	return t
}

// bind fits gradients and leaves to the present layout of the parameters.
func (t *Tape) bind() {
	if t.params == nil {
		return
	}
	t.leaves = make([]Tensor, t.params.Count())
	if t.record {
		t.grads = append(t.grads, make([]float32, t.params.Len()-len(t.grads))...)
	}
}

// Recording reports whether the tape was made to compute gradients.
func (t *Tape) Recording() bool { return t.record }

// Reset forgets everything recorded and computed since the last Reset and
// keeps the memory. All tensors and slices obtained from the tape become
// invalid, except those of Param and Grads. Gradients of parameters are kept:
// they add up until ZeroGrads.
func (t *Tape) Reset() {
	t.floats.reset()
	t.ints.reset()
	t.ptrs.reset()
	t.tensors.used = 0
	t.nodes.used = 0
	t.epilogue = asm.Epilogue{} // may refer to inputs of the caller
	t.done = false
}

// Poison fills all free memory of the tape with NaN. Tests call it after
// Reset: an operation that forgets to write part of its output, or relies on
// zeros where it asked for Scratch, then shows itself.
func (t *Tape) Poison() {
	t.floats.fill(float32(math.NaN()))
	t.ints.fill(math.MinInt32)
}

// Grads returns the gradients of all parameters, flat, in the layout of
// Params.Data. Backward adds to it. It is nil on an inference tape.
func (t *Tape) Grads() []float32 {
	if t.record && t.params != nil && len(t.grads) != t.params.Len() {
		t.bind()
	}
	return t.grads
}

// ZeroGrads clears the gradients of all parameters.
func (t *Tape) ZeroGrads() { clear(t.grads) }

// Param returns the leaf tensor of a parameter: Data views the shared values,
// Grad the tape's own Grads. The same tensor is returned each time.
func (t *Tape) Param(id ParamID) *Tensor {
	p := t.params
	if len(t.leaves) != p.Count() {
		t.bind()
	}
	x := &t.leaves[id]
	if x.Data == nil {
		x.Shape = p.shapes[id]
		x.Data = p.Slice(id)
		if t.record {
			lo := p.offsets[id]
			hi := lo + len(x.Data)
			x.Grad = t.grads[lo:hi:hi]
		}
		if t.frozen != nil {
			x.frozen = &t.frozen.weights[id]
		}
	}
	return x
}

// New returns a zeroed tensor without gradient, to be filled by the caller: an
// input. For constants and data.
func (t *Tape) New(shape ...int) *Tensor {
	x := t.tensors.next()
	x.Shape = MakeShape(shape...)
	x.Data = t.Floats(x.Shape.Size())
	return x
}

// Input wraps data, row-major and of the shape's size, without copying and
// without gradient. The caller must leave data unchanged until Backward is
// done.
func (t *Tape) Input(data []float32, shape ...int) *Tensor {
	x := t.tensors.next()
	x.Shape = MakeShape(shape...)
	if len(data) != x.Shape.Size() {
		panic(fmt.Sprintf("tensor: Input: %d values for shape %v", len(data), x.Shape))
	}
	x.Data = data
	return x
}

// Variable returns a zeroed tensor like New that does take a gradient on a
// recording tape: a leaf that is not a parameter, as in gradient checks or
// when a state is fitted.
func (t *Tape) Variable(shape ...int) *Tensor {
	x := t.New(shape...)
	if t.record {
		x.Grad = t.Floats(len(x.Data))
	}
	return x
}

// Floats returns n zeros of tape memory, valid until Reset (inside a Backward
// function: until it returns).
func (t *Tape) Floats(n int) []float32 {
	s := t.floats.take(n)
	clear(s)
	return s
}

// Scratch is Floats without the zeros: the contents are arbitrary and must be
// written before they are read.
func (t *Tape) Scratch(n int) []float32 { return t.floats.take(n) }

// Ints returns n zeros of tape memory, valid like those of Floats.
func (t *Tape) Ints(n int) []int32 {
	s := t.ints.take(n)
	clear(s)
	return s
}

// Mark is a position in the tape's memory, see Tape.Mark.
type Mark struct {
	floatSlab, floatOff, intSlab, intOff int
}

// Mark notes the present use of float and int memory, for Release.
func (t *Tape) Mark() Mark {
	return Mark{t.floats.cur, t.floats.off, t.ints.cur, t.ints.off}
}

// Release gives back all slices of Scratch, Floats and Ints taken since m. An
// operation uses the pair around temporaries of its forward pass; neither its
// output nor anything kept in its node may have been taken in between.
func (t *Tape) Release(m Mark) {
	t.floats.cur, t.floats.off = m.floatSlab, m.floatOff
	t.ints.cur, t.ints.off = m.intSlab, m.intOff
}

// Output returns a tensor for the result of an operation on inputs (nil ones
// are skipped). Its Data is arbitrary: the operation must write all of it. Its
// Grad is not nil exactly when the tape records and any input has a Grad; its
// contents are arbitrary until Backward.
func (t *Tape) Output(shape Shape, inputs ...*Tensor) *Tensor {
	y := t.tensors.next()
	y.Shape = shape
	n := shape.Size()
	y.Data = t.floats.take(n)
	if t.record {
		for _, x := range inputs {
			if x != nil && x.Grad != nil {
				y.Grad, y.fresh = t.floats.take(n), true
				break
			}
		}
	}
	return y
}

// Record puts an operation on the tape and returns its node, with Out and In
// filled, for the caller to add what Backward needs. It returns nil, and
// records nothing, when out needs no gradient. Inputs beyond the tenth go to
// Node.More; nil inputs keep their place.
func (t *Tape) Record(op *Op, out *Tensor, inputs ...*Tensor) *Node {
	if out.Grad == nil || !t.record {
		return nil
	}
	n := t.nodes.next()
	n.op = op
	n.Out = out
	k := copy(n.In[:], inputs)
	if k < len(inputs) {
		n.More = t.ptrs.take(len(inputs) - k)
		copy(n.More, inputs[k:])
	}
	return n
}

// Backward computes the derivative of loss, which has one element, by every
// tensor with a Grad, and adds those of parameters to Grads. It runs once
// between two Resets. It panics when loss depends on nothing that takes a
// gradient.
func (t *Tape) Backward(loss *Tensor) {
	if len(loss.Data) != 1 {
		panic(fmt.Sprintf("tensor: Backward: loss of shape %v, must have one element", loss.Shape))
	}
	if loss.Grad == nil {
		panic("tensor: Backward: loss depends on no parameter or variable, or the tape does not record")
	}
	if t.done {
		panic("tensor: Backward: called twice without Reset")
	}
	t.done = true
	loss.settle()
	loss.Grad[0]++
	for i := t.nodes.used - 1; i >= 0; i-- {
		n := t.nodes.at(i)
		if n.Out.fresh {
			continue // the loss does not depend on it
		}
		t.backward(n)
	}
	// Gradients that nothing was added to are zero.
	for i := range t.tensors.used {
		if x := t.tensors.at(i); x.fresh {
			x.settle()
		}
	}
}

// backward runs one operation on the way back.
func (t *Tape) backward(n *Node) {
	if !n.op.overwrites {
		for _, x := range n.In {
			if x != nil {
				x.settle()
			}
		}
		for _, x := range n.More {
			if x != nil {
				x.settle()
			}
		}
	}
	m := t.Mark()
	n.op.Backward(t, n)
	t.Release(m)
}
