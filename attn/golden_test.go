package attn

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/lassode/lassode/tensor"
	"github.com/stretchr/testify/require"
)

// TestGolden compares attention, and the GRU of package tensor whose gate
// order is PyTorch's, with testdata/golden.json, written by independent code
// (testdata/README.md).
func TestGolden(t *testing.T) {
	raw, err := os.ReadFile("../testdata/golden.json")
	require.NoError(t, err)
	var g struct {
		Attention struct {
			Batch, Steps, Heads, D int
			QKV, Out               []float64
		}
		GRU struct {
			Lengths                []int
			Inputs, Hidden         int
			X, Wi, Wh, Bi, Bh, Out []float64
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
	equal := func(want []float64, got []float32) {
		t.Helper()
		require.NotEmpty(t, want)
		require.Len(t, got, len(want))
		for i, v := range want {
			require.InDelta(t, v, float64(got[i]), 5e-6, "entry %d", i)
		}
	}
	a := g.Attention
	equal(a.Out, MultiHead(tape, in(a.QKV, a.Batch*a.Steps, 3*a.D), a.Batch, a.Steps, 1, a.Heads).Data)
	// The same numbers laid out with the batch innermost: the channel axis.
	qkv := tape.Transpose(in(a.QKV, a.Batch, a.Steps, 3*a.D), 0, 1)
	out := MultiHead(tape, qkv, 1, a.Steps, a.Batch, a.Heads)
	equal(a.Out, tape.Transpose(tape.Reshape(out, a.Steps, a.Batch, a.D), 0, 1).Data)

	r := g.GRU
	offsets, total := []int32{0}, 0
	for _, n := range r.Lengths {
		total += n
		offsets = append(offsets, int32(total))
	}
	h := 3 * r.Hidden
	equal(r.Out, tape.GRU(in(r.X, total, r.Inputs), offsets, in(r.Wi, r.Inputs, h), in(r.Wh, r.Hidden, h), in(r.Bi, h), in(r.Bh, h)).Data)
}
