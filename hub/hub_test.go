package hub

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/lassode/lassode/internal/allocs"
	"github.com/lassode/lassode/tensor"
	"github.com/stretchr/testify/require"
)

func build(size, width int) (*tensor.Params, *Hub, Layer, *rand.Rand) {
	r := rand.New(rand.NewPCG(21, 3))
	p := tensor.NewParams()
	h := New(p, "hub", size, width)
	l := h.NewLayer(p, "block0.hub", 2)
	tensor.NormalInto(r, p.Slice(h.Token), 0.5)
	for _, id := range []tensor.ParamID{l.Q, l.K, l.V} {
		tensor.NormalInto(r, p.Slice(id), 1/math.Sqrt(float64(width)))
	}
	tensor.NormalInto(r, p.Slice(l.Out), 0.3)
	for i := range size {
		p.Slice(h.Gate)[i] = 0.1
	}
	return p, h, l, r
}

// matmul is a plain float64 product of n x k and k x m.
func matmul(a, b []float64, n, k, m int) []float64 {
	c := make([]float64, n*m)
	for i := 0; i < n; i++ {
		for j := 0; j < m; j++ {
			for l := 0; l < k; l++ {
				c[i*m+j] += a[i*k+l] * b[l*m+j]
			}
		}
	}
	return c
}

// reference computes what Read returns, and the weights averaged over heads,
// in float64 from the flat parameters.
func reference(p *tensor.Params, flat []float64, h *Hub, l Layer, x []float64) (out, usage []float64) {
	d, m, n := h.Width, h.Size, len(x)/h.Width
	at := func(id tensor.ParamID) []float64 {
		return flat[p.Offset(id) : p.Offset(id)+p.Shape(id).Size()]
	}
	eff := make([]float64, m*d)
	for i := 0; i < m; i++ {
		ms := 0.0
		for j := 0; j < d; j++ {
			ms += at(h.Memory)[i*d+j] * at(h.Memory)[i*d+j] / float64(d)
		}
		for j := 0; j < d; j++ {
			eff[i*d+j] = at(h.Token)[i*d+j] + at(h.Gate)[i]*at(h.Memory)[i*d+j]/math.Sqrt(ms+1e-6)
		}
	}
	q, k, v := matmul(x, at(l.Q), n, d, d), matmul(eff, at(l.K), m, d, d), matmul(eff, at(l.V), m, d, d)
	w := d / l.Heads
	mix := make([]float64, n*d)
	usage = make([]float64, n*m)
	for i := 0; i < n; i++ {
		for hd := 0; hd < l.Heads; hd++ {
			e, sum := make([]float64, m), 0.0
			for j := range e {
				s := 0.0
				for c := hd * w; c < (hd+1)*w; c++ {
					s += q[i*d+c] * k[j*d+c]
				}
				e[j] = math.Exp(s / math.Sqrt(float64(w)))
				sum += e[j]
			}
			for j := range e {
				usage[i*m+j] += e[j] / sum / float64(l.Heads)
				for c := hd * w; c < (hd+1)*w; c++ {
					mix[i*d+c] += e[j] / sum * v[j*d+c]
				}
			}
		}
	}
	return matmul(mix, at(l.Out), n, d, d), usage
}

func wide(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// TestRead checks value, usage and the gradient of every parameter by central
// differences of the float64 reference; hub.Tokens is the one operation that
// the package registers. The memory must take no gradient.
func TestRead(t *testing.T) {
	p, h, l, r := build(3, 4)
	tensor.NormalInto(r, p.Slice(h.Memory), 2)
	x := make([]float32, 5*4)
	tensor.NormalInto(r, x, 1)
	weights := make([]float32, len(x))
	tensor.NormalInto(r, weights, 1)

	tape := tensor.NewTape(p, true)
	step := func() {
		tape.Reset()
		tape.Poison()
		in := tape.Input(x, 5, 4)
		out := h.Read(tape, nil, h.Tokens(tape), in, l)
		tape.Backward(tape.SumAll(tape.Mul(out, tape.Input(weights, 5, 4))))
		want, _ := reference(p, wide(p.Data()), h, l, wide(x))
		for i, v := range want {
			require.InDelta(t, v, float64(out.Data[i]), 1e-5)
		}
	}
	step()
	first := append([]float32(nil), tape.Grads()...)
	tape.ZeroGrads()
	step()
	require.Equal(t, first, tape.Grads())

	flat := wide(p.Data())
	loss := func() float64 {
		out, _ := reference(p, flat, h, l, wide(x))
		s := 0.0
		for i, v := range out {
			s += v * float64(weights[i])
		}
		return s
	}
	memory := p.Offset(h.Memory)
	for i := range flat {
		if i >= memory && i < memory+h.Size*h.Width {
			require.Zero(t, tape.Grads()[i], "the memory has a gradient")
			continue
		}
		old := flat[i]
		flat[i] = old + 1e-5
		up := loss()
		flat[i] = old - 1e-5
		down := loss()
		flat[i] = old
		require.InDelta(t, (up-down)/2e-5, float64(tape.Grads()[i]), 1e-4, "parameter value %d", i)
	}

	usage := h.Usage(p, x, l)
	_, want := reference(p, wide(p.Data()), h, l, wide(x))
	for i, v := range want {
		require.InDelta(t, v, float64(usage[i]), 1e-6)
	}
	for _, name := range tensor.Ops() {
		if strings.HasPrefix(name, "hub.") {
			require.Equal(t, "hub.Tokens", name, "an operation without a gradient check")
		}
	}
	allocs.RequireNone(t, 5, func() {
		tape.Reset()
		tape.Backward(tape.SumAll(h.Read(tape, nil, h.Tokens(tape), tape.Input(x, 5, 4), l)))
	})
}

func TestEffectiveMatchesTokens(t *testing.T) {
	p, h, _, r := build(3, 4)
	eff := make([]float32, 12)
	h.Effective(eff, p)
	require.Equal(t, p.Slice(h.Token), eff, "an empty memory adds nothing")
	tensor.NormalInto(r, p.Slice(h.Memory), 1)
	h.Effective(eff, p)
	require.Equal(t, h.Tokens(tensor.NewTape(p, false)).Data, eff)
	memory := p.Slice(h.Memory)
	clear(memory)
	memory[0] = 1
	h.Effective(eff, p)
	require.InDelta(t, p.Slice(h.Token)[0]+0.2, eff[0], 1e-5) // rms of (1,0,0,0) is 1/2
}

// TestWriteAgainstNaive compares one write with its formula in float64.
func TestWriteAgainstNaive(t *testing.T) {
	const size, d, n = 3, 8, 11
	_, h, _, r := build(size, d)
	memory, hubTokens, tokens := make([]float32, size*d), make([]float32, size*d), make([]float32, n*d)
	tensor.NormalInto(r, memory, 1)
	tensor.NormalInto(r, hubTokens, 0.5)
	tensor.NormalInto(r, tokens, 3)
	unit := func(x []float64) []float64 {
		ms := 0.0
		for _, v := range x {
			ms += v * v / float64(len(x))
		}
		y := make([]float64, len(x))
		for i, v := range x {
			y[i] = v / math.Sqrt(ms+1e-6)
		}
		return y
	}
	want := wide(memory)
	const rate = 0.3
	gates := 0
	for m := 0; m < size; m++ {
		q := unit(wide(hubTokens[m*d : (m+1)*d]))
		var e, cos []float64
		sum := 0.0
		for j := 0; j < n; j++ {
			x := unit(wide(tokens[j*d : (j+1)*d]))
			c := 0.0
			for i := range q {
				c += q[i] * x[i] / d
			}
			cos = append(cos, c)
			e = append(e, math.Exp(c*math.Sqrt(d)))
			sum += e[j]
		}
		g, content := 0.0, make([]float64, d)
		for j := range e {
			g += e[j] / sum * cos[j]
			for i, v := range unit(wide(tokens[j*d : (j+1)*d])) {
				content[i] += e[j] / sum * v
			}
		}
		g = max(0, g)
		if g > 0 {
			gates++
		}
		for i, v := range content {
			want[m*d+i] += rate * g * (v - want[m*d+i])
		}
	}
	require.Positive(t, gates)
	var s Scratch
	h.Write(memory, hubTokens, tokens, rate, &s)
	for i, v := range want {
		require.InDelta(t, v, float64(memory[i]), 1e-5)
	}
	allocs.RequireNone(t, 5, func() { h.Write(memory, hubTokens, tokens, rate, &s) })
}

func TestWriteSemantics(t *testing.T) {
	const size, d = 2, 16
	_, h, _, _ := build(size, d)
	axis := func(k int, v float32) []float32 {
		x := make([]float32, d)
		x[k] = v
		return x
	}
	hubTokens := append(axis(0, 1), axis(1, 1)...)
	memory := make([]float32, size*d)

	// Only the hub token that resembles the row learns, and what it learns
	// converges to the row's direction at unit rms, whatever the row's scale.
	for range 200 {
		h.Write(memory, hubTokens, axis(0, 7), 0.2, nil)
	}
	require.InDelta(t, 4, memory[0], 1e-3) // sqrt(16) along one axis is rms 1
	require.Equal(t, make([]float32, d), memory[d:], "a dissimilar token took it up")

	// An opposite row is no evidence.
	before := append([]float32(nil), memory...)
	h.Write(memory, hubTokens, axis(1, -3), 0.5, nil)
	require.Equal(t, before, memory)

	// Rows that are not finite, no rows, and a rate of zero change nothing.
	bad := axis(0, float32(math.NaN()))
	bad = append(bad, axis(1, float32(math.Inf(1)))...)
	h.Write(memory, hubTokens, bad, 0.5, nil)
	h.Write(memory, hubTokens, nil, 0.5, nil)
	h.Write(memory, hubTokens, axis(0, -1), 0, nil)
	require.Equal(t, before, memory)

	// A bad row beside a good one is as if absent.
	a, b := append([]float32(nil), memory...), append([]float32(nil), memory...)
	good := append(axis(1, 2), axis(0, 1)...)
	h.Write(a, hubTokens, good, 0.5, nil)
	h.Write(b, hubTokens, append(append([]float32(nil), bad...), good...), 0.5, nil)
	require.Equal(t, a, b)
	require.NotEqual(t, before, a)

	require.Panics(t, func() { h.Write(memory, hubTokens, make([]float32, 3), 0.5, nil) })
	require.Panics(t, func() { h.Write(memory[:3], hubTokens, good, 0.5, nil) })
	require.Panics(t, func() { h.Write(memory, hubTokens, good, 1.5, nil) })
}

// TestUsage: shares that sum to one and change with the memory.
func TestUsage(t *testing.T) {
	p, h, l, r := build(3, 8)
	tokens := make([]float32, 20*8)
	tensor.NormalInto(r, tokens, 1)
	empty, eff := h.Usage(p, tokens, l), make([]float32, 3*8)
	h.Effective(eff, p)
	h.Write(p.Slice(h.Memory), eff, tokens, 0.5, nil)
	sum := 0.0
	for _, v := range h.Usage(p, tokens[:8], l) {
		sum += float64(v)
	}
	require.InDelta(t, 1, sum, 1e-6)
	require.NotEqual(t, empty, h.Usage(p, tokens, l))
}

func TestNew(t *testing.T) {
	p := tensor.NewParams()
	h := New(p, "hub", 3, 4)
	h.NewLayer(p, "l", 2)
	for name, id := range map[string]tensor.ParamID{"hub.token": h.Token, "hub.gate": h.Gate, "hub.memory": h.Memory} {
		got, ok := p.Lookup(name)
		require.True(t, ok)
		require.Equal(t, id, got)
	}
	require.Equal(t, make([]float32, p.Len()), p.Data())
	require.Panics(t, func() { New(tensor.NewParams(), "h", 0, 4) })
	require.Panics(t, func() { h.NewLayer(tensor.NewParams(), "l", 3) })
}
