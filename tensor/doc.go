// Package tensor is the array and differentiation layer of the engine: dense
// row-major float32 tensors, reverse-mode differentiation on a tape, and
// parallel loops whose result does not depend on the number of workers.
//
// # Use
//
//	p := tensor.NewParams()
//	w := p.Add("w", 3, 4)
//	tape := tensor.NewTape(p, true)
//	for range steps {
//		tape.Reset()
//		x := tape.Input(batch, rows, 3)
//		y := tape.Linear(x, tape.Param(w), nil, tensor.Tanh)
//		loss := tape.MeanAll(tape.Square(y))
//		tape.ZeroGrads()
//		tape.Backward(loss)
//		// tape.Grads() has the layout of p.Data().
//	}
//
// # Memory
//
// Everything computed on a tape lives in its arena until Reset, which keeps
// the memory: a run that repeats operations and shapes of an earlier one does
// not allocate. Nothing of the tape may be used after Reset but Param tensors
// and Grads. Operations never change their inputs, and inputs must not be
// changed between an operation and Backward, which reads them again. Views
// (Reshape, StopGradient, Slice when all axes before the sliced one have
// length 1) share memory with their origin.
//
// # Gradients
//
// A tensor has a Grad exactly when it takes part in differentiation: it is a
// parameter or Variable of a tape made with grad, or an input of it is. On an
// inference tape nothing has a Grad and nothing is recorded. Gradients of
// parameters add up over Backward calls until ZeroGrads, all others live and
// die with the run; those of results hold numbers only once Backward is done.
//
// # Inference
//
// Params.Freeze makes a copy of parameters that never changes. Its tapes keep
// the weights of Linear and GRU in the layout of the product's kernels, made
// once for all tapes, with the same results.
//
// # Concurrency and determinism
//
// A Tape is for one goroutine at a time. Many tapes may share a Params as long
// as nobody writes to it. Operations are sequential with a fixed order of
// summation; parallelism is one level up, with Parallel over fixed tasks, each
// with its own tape, whose gradients are then added in a fixed order.
//
// # Shapes and errors
//
// Shapes have at most five axes; axis numbers may be negative, counting from
// the end. A wrong shape is a programming error and panics in one format,
// "tensor: MatMul: [3 4] x [5 6]: inner 4 != 5". "Last" is the last axis; the
// rows of a tensor are all its other axes taken together.
//
// # Operations of other packages
//
// Packages above define operations with what is exported here. An operation is
// a package-level variable, so that every one is in Ops and a test can demand
// a gradient check for each:
//
//	var opCube = tensor.Register("mypkg.Cube", func(t *tensor.Tape, n *tensor.Node) {
//		x := n.In[0]
//		if x.Grad == nil { // only with several inputs: one of them has a Grad
//			return
//		}
//		tmp := t.Scratch(len(x.Data)) // given back when this function returns
//		for i, v := range n.Saved[0] { // x², kept by Cube
//			tmp[i] = 3 * v * n.Floats[0]
//		}
//		asm.MulAdd(x.Grad, tmp, n.Out.Grad) // ADD, never overwrite
//	})
//
//	// Cube returns scale*x³.
//	func Cube(t *tensor.Tape, x *tensor.Tensor, scale float32) *tensor.Tensor {
//		y := t.Output(x.Shape, x) // all inputs that may take a gradient; Data is arbitrary
//		sq := t.Scratch(len(x.Data))
//		asm.Mul(sq, x.Data, x.Data)
//		asm.Mul(y.Data, sq, x.Data)
//		asm.Scale(scale, y.Data)
//		if n := t.Record(opCube, y, x); n != nil { // nil: no gradient needed
//			n.Saved[0] = sq
//			n.Floats[0] = scale
//		}
//		return y
//	}
//
// Output decides whether the result takes a gradient (y.Grad != nil tells, for
// example to skip what only Backward needs), Record stores inputs in n.In in
// order. An operation with several results returns one packed tensor and
// slices it. Temporaries of a forward pass that are not kept go between
// Mark and Release. Passing inputs as a fixed list, and package functions
// rather than closures, keeps all of this free of allocations.
package tensor
