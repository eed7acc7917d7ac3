package tensor_test

import (
	"fmt"
	"testing"

	"github.com/lassode/lassode/asm"
	"github.com/lassode/lassode/tensor"
	"github.com/stretchr/testify/require"
)

// One step of gradient descent on a single linear layer.
func Example() {
	p := tensor.NewParams()
	w := p.Add("w", 2, 1)
	copy(p.Slice(w), []float32{1, -1})
	tape := tensor.NewTape(p, true)
	for range 2 {
		tape.Reset()
		x := tape.Input([]float32{1, 2, 3, 4}, 2, 2)
		y := tape.Linear(x, tape.Param(w), nil, tensor.None)
		loss := tape.MeanAll(tape.Square(y))
		tape.ZeroGrads()
		tape.Backward(loss)
		fmt.Println(loss.Data, tape.Grads())
		asm.Axpy(-0.0625, tape.Grads(), p.Data())
	}
	// Output:
	// [1] [-4 -6]
	// [0.78125] [3.75 5]
}

// The example of the package documentation: an operation of another package.
var opCube = tensor.Register("example.Cube", func(t *tensor.Tape, n *tensor.Node) {
	x := n.In[0]
	if x.Grad == nil {
		return
	}
	tmp := t.Scratch(len(x.Data))
	for i, v := range n.Saved[0] {
		tmp[i] = 3 * v * n.Floats[0]
	}
	asm.MulAdd(x.Grad, tmp, n.Out.Grad)
})

func cube(t *tensor.Tape, x *tensor.Tensor, scale float32) *tensor.Tensor {
	y := t.Output(x.Shape, x)
	sq := t.Scratch(len(x.Data))
	asm.Mul(sq, x.Data, x.Data)
	asm.Mul(y.Data, sq, x.Data)
	asm.Scale(scale, y.Data)
	if n := t.Record(opCube, y, x); n != nil {
		n.Saved[0] = sq
		n.Floats[0] = scale
	}
	return y
}

func TestExtension(t *testing.T) {
	require.Contains(t, tensor.Ops(), "example.Cube")
	p := tensor.NewParams()
	id := p.Add("x", 3)
	copy(p.Data(), []float32{1, 2, -3})
	tape := tensor.NewTape(p, true)
	run := func() *tensor.Tensor {
		tape.Reset()
		tape.ZeroGrads()
		y := cube(tape, tape.Param(id), 2)
		tape.Backward(tape.SumAll(y))
		return y
	}
	require.Equal(t, []float32{2, 16, -54}, run().Data)
	require.Equal(t, []float32{6, 24, 54}, tape.Grads())
	require.Zero(t, testing.AllocsPerRun(10, func() { run() }))

	infer := tensor.NewTape(p, false)
	y := cube(infer, infer.Param(id), 2)
	require.Equal(t, []float32{2, 16, -54}, y.Data)
	require.Nil(t, y.Grad)

	// Temporaries between Mark and Release are reused.
	m := infer.Mark()
	a := infer.Floats(8)
	infer.Release(m)
	b := infer.Floats(8)
	require.Same(t, &a[0], &b[0])
}
