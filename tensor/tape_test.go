package tensor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode/asm"
	"github.com/lassode/lassode/internal/allocs"
)

// net is a small model that uses every kind of operation.
type net struct {
	p                                  *Params
	wi, wh, bi, bh, gain, bias, w1, b1 ParamID
	w2, wo, bo, mem                    ParamID
	offsets, idx                       []int32
	x, target, weight                  []float32
}

const netSeqs, netHidden = 6, 24

func newNet() *net {
	m := &net{p: NewParams()}
	h := netHidden
	m.wi, m.wh = m.p.Add("gru.wi", 3, 3*h), m.p.Add("gru.wh", h, 3*h)
	m.bi, m.bh = m.p.Add("gru.bi", 3*h), m.p.Add("gru.bh", 3*h)
	m.gain, m.bias = m.p.Add("norm.gain", h), m.p.Add("norm.bias", h)
	m.w1, m.b1 = m.p.Add("ff.w1", h, 4*h), m.p.Add("ff.b1", 4*h)
	m.w2 = m.p.Add("ff.w2", 2*h, h)
	m.wo, m.bo = m.p.Add("out.w", h, 2), m.p.Add("out.b", 2)
	m.mem = m.p.Add("mem", 5, h)
	r := rand.New(rand.NewPCG(1, 2))
	NormalInto(r, m.p.Data(), 0.3)
	m.offsets = []int32{0, 4, 9, 9, 12, 20, 21}
	m.idx = []int32{3, -1, 0, 5, 5, 1}
	m.x = make([]float32, 21*3)
	m.target, m.weight = make([]float32, netSeqs), make([]float32, netSeqs)
	NormalInto(r, m.x, 1)
	NormalInto(r, m.target, 1)
	UniformInto(r, m.weight, 0, 1)
	return m
}

func (m *net) loss(t *Tape) *Tensor {
	x := t.Input(m.x, 21, 3)
	h := t.GRU(x, m.offsets, t.Param(m.wi), t.Param(m.wh), t.Param(m.bi), t.Param(m.bh))
	n := t.RMSNorm(h, t.Param(m.gain))
	f := t.Linear(t.Glu(t.Linear(n, t.Param(m.w1), t.Param(m.b1), None)), t.Param(m.w2), nil, Gelu)
	h = t.Add(h, t.GatherRows(f, m.idx))
	n = t.LayerNorm(h, t.Param(m.gain), t.Param(m.bias))
	mem := t.Param(m.mem)
	a := t.Softmax(t.Scale(t.MatMul(n, mem, false, true), 0.2))
	h = t.Add(h, t.MatMul(a, mem, false, false))
	h = t.Mul(h, t.Sigmoid(t.MeanAxis(h, 1).reshape(t, netSeqs, 1)))
	h = t.Sub(h, t.MaxAxis(h, 0))
	h = t.Slice(t.Concat(1, h, t.Tanh(h), t.Silu(h)), 1, 10, 10+netHidden)
	h = t.Transpose(t.Transpose(h, 0, 1), 1, 0)
	h = t.SumAxis(t.Expand(h, 1, 2), 1)
	h = t.Add(h, t.Exp(t.Clamp(t.Abs(h), -1, 1)))
	h = t.Add(h, t.Log(t.AddScalar(t.Softplus(t.Gelu(t.Square(h))), 1)))
	y := t.Transpose(t.Linear(h, t.Param(m.wo), t.Param(m.bo), Tanh), 0, 1)
	mean, ls := t.Slice(y, 0, 0, 1), t.Slice(y, 0, 1, 2)
	target, weight := t.Input(m.target, 1, netSeqs), t.Input(m.weight, 1, netSeqs)
	l := t.SmoothL1(mean, target, weight, 0.1)
	return t.Add(l, t.LaplaceNLL(t.StopGradient(t.Sub(mean, target)), ls, weight))
}

func (x *Tensor) reshape(t *Tape, shape ...int) *Tensor { return t.Reshape(x, shape...) }

func (m *net) step(t *Tape) float32 {
	t.Reset()
	t.ZeroGrads()
	l := m.loss(t)
	t.Backward(l)
	return l.Data[0]
}

func TestZeroAllocations(t *testing.T) {
	m := newNet()
	train, infer := NewTape(m.p, true), NewTape(m.p, false)
	// Every operation must be in the measured net.
	m.step(train)
	used := map[string]bool{}
	for i := range train.nodes.used {
		used[train.nodes.at(i).op.Name] = true
	}
	for _, name := range Ops() {
		if strings.HasPrefix(name, "tensor.") {
			require.True(t, used[name], "%s is not measured", name)
		}
	}
	allocs.RequireNone(t, 20, func() { m.step(train) })
	infer.Reset()
	m.loss(infer)
	allocs.RequireNone(t, 20, func() { infer.Reset(); m.loss(infer) })
}

func TestReuse(t *testing.T) {
	m := newNet()
	fresh := NewTape(m.p, true)
	loss := m.step(fresh)
	want := append([]float32{}, fresh.Grads()...)
	require.False(t, math.IsNaN(float64(loss)))
	nonzero := 0
	for _, g := range want {
		if g != 0 {
			nonzero++
		}
	}
	require.Greater(t, nonzero, len(want)*9/10)

	tape := NewTape(m.p, true)
	for i := range 4 {
		// Other work in between leaves other contents and another layout.
		tape.Reset()
		x := tape.Variable(100+37*i, 50)
		tape.Backward(tape.SumAll(tape.Exp(x)))
		tape.Reset()
		tape.Poison()
		require.Equal(t, loss, m.step(tape))
		require.Equal(t, want, tape.Grads())
	}

	// Gradients of parameters add up until they are cleared.
	tape.Reset()
	tape.Backward(m.loss(tape))
	for i, g := range tape.Grads() {
		require.InDelta(t, 2*want[i], g, 1e-6*math.Abs(float64(want[i]))+1e-6)
	}

	infer := NewTape(m.p, false)
	require.Equal(t, loss, m.loss(infer).Data[0])
	require.Nil(t, infer.Grads())
	require.Nil(t, infer.Param(m.wi).Grad)
	require.Zero(t, infer.nodes.used)
}

// TestArenaStops checks that memory stops growing over runs of random sizes.
func TestArenaStops(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	tape := NewTape(nil, false)
	size := func() (n int) {
		for _, s := range tape.floats.slabs {
			n += len(s)
		}
		return n
	}
	run := func(big int) {
		tape.Reset()
		for range 30 {
			tape.Scratch(r.IntN(big))
		}
	}
	for range 300 {
		run(30000)
	}
	warm := size()
	for range 300 {
		run(30000)
	}
	require.Equal(t, warm, size())
	require.Less(t, warm, 8*30*30000)
}

func TestSharedParams(t *testing.T) {
	m := newNet()
	ref := NewTape(m.p, true)
	loss := m.step(ref)
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			tape := NewTape(m.p, true)
			for range 5 {
				if l := m.step(tape); l != loss {
					t.Errorf("loss %v, alone %v", l, loss)
				}
			}
			for i, g := range tape.Grads() {
				if g != ref.Grads()[i] {
					t.Errorf("gradient %d: %v, alone %v", i, g, ref.Grads()[i])
					return
				}
			}
		}()
	}
	wg.Wait()
}

func TestParams(t *testing.T) {
	p := NewParams()
	a := p.Add("a", 2, 3)
	tape := NewTape(p, true)
	require.Len(t, tape.Grads(), 6)
	b := p.Add("b", 4) // after the tape was made
	s := p.Add("s")
	require.Equal(t, 3, p.Count())
	require.Equal(t, 11, p.Len())
	require.Equal(t, 6, p.Offset(b))
	require.Equal(t, "b", p.Name(b))
	require.Equal(t, MakeShape(2, 3), p.Shape(a))
	id, ok := p.Lookup("b")
	require.True(t, ok)
	require.Equal(t, b, id)
	_, ok = p.Lookup("c")
	require.False(t, ok)
	for i := range p.Data() {
		p.Data()[i] = float32(i)
	}
	require.Equal(t, []float32{6, 7, 8, 9}, p.Slice(b))
	x := tape.Param(b)
	require.Equal(t, []float32{6, 7, 8, 9}, x.Data)
	require.Same(t, x, tape.Param(b))
	tape.Backward(tape.SumAll(tape.Mul(x, tape.Param(s))))
	require.Equal(t, []float32{0, 0, 0, 0, 0, 0, 10, 10, 10, 10, 30}, tape.Grads())
	tape.ZeroGrads()
	require.Equal(t, make([]float32, 11), tape.Grads())
	q := p.Clone()
	q.Data()[0] = 99
	q.Add("z")
	require.Equal(t, float32(0), p.Data()[0])
	require.PanicsWithValue(t, `tensor: Params.Add: duplicate name "a"`, func() { p.Add("a", 1) })
	require.Panics(t, func() { p.Add("") })
}

// TestFrozen: a frozen copy gives the same bits, also to several tapes at once,
// and does not see later changes.
func TestFrozen(t *testing.T) {
	m := newNet()
	want := m.loss(NewTape(m.p, false)).Data[0]
	f := m.p.Freeze()
	clear(m.p.Data())
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			tape := f.NewTape()
			for range 3 {
				tape.Reset()
				if l := m.loss(tape).Data[0]; l != want {
					t.Errorf("loss %v, unfrozen %v", l, want)
				}
			}
		})
	}
	wg.Wait()
	tape := f.NewTape()
	m.loss(tape)
	allocs.RequireNone(t, 20, func() { tape.Reset(); m.loss(tape) })
	require.False(t, f.NewTape().Recording())
}

// TestUntouched: gradients that the loss does not reach are zero after
// Backward, whatever the memory held.
func TestUntouched(t *testing.T) {
	tape := NewTape(nil, true)
	for range 2 {
		tape.Reset()
		tape.Poison()
		x := tape.Variable(3, 4)
		y := tape.Exp(x)
		z := tape.Linear(y, tape.Variable(4, 2), nil, Gelu)
		s := tape.Slice(y, 0, 2, 3)
		loss := tape.SumAll(s)
		tape.Backward(loss)
		require.Equal(t, []float32{1}, loss.Grad)
		require.Equal(t, make([]float32, 6), z.Grad)
		require.Equal(t, []float32{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1}, y.Grad)
		require.Equal(t, []float32{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1}, x.Grad)
	}
}

func TestViews(t *testing.T) {
	tape := NewTape(nil, true)
	x := tape.Variable(4, 3)
	r := tape.Reshape(x, 2, 6)
	s := tape.Slice(x, 0, 1, 3)
	d := tape.StopGradient(x)
	require.Zero(t, tape.nodes.used)
	x.Data[3], x.Grad[3] = 5, 7
	require.Equal(t, float32(5), r.Data[3])
	require.Equal(t, float32(7), r.Grad[3])
	require.Equal(t, float32(5), s.Data[0])
	require.Equal(t, float32(7), s.Grad[0])
	require.Equal(t, float32(5), d.Data[3])
	require.Nil(t, d.Grad)
	require.Equal(t, MakeShape(2, 3), s.Shape)
	// A view cannot be extended over what lies behind it.
	require.Equal(t, len(s.Data), cap(s.Data))

	y := tape.SumAll(tape.Mul(x, d))
	x.Grad[3] = 0
	tape.Backward(y)
	require.Equal(t, float32(5), x.Grad[3]) // not 10: one factor is a constant
}

// TestGRUAlone checks that a sequence gives the same bits alone and in a batch.
func TestGRUAlone(t *testing.T) {
	m := newNet()
	tape := NewTape(m.p, false)
	run := func(x []float32, offsets []int32) []float32 {
		return tape.GRU(tape.Input(x, len(x)/3, 3), offsets, tape.Param(m.wi), tape.Param(m.wh), tape.Param(m.bi), tape.Param(m.bh)).Data
	}
	all := run(m.x, m.offsets)
	for s := 0; s+1 < len(m.offsets); s++ {
		lo, hi := m.offsets[s], m.offsets[s+1]
		one := run(m.x[lo*3:hi*3], []int32{0, hi - lo})
		require.Equal(t, one, all[s*netHidden:(s+1)*netHidden])
	}
}

func TestSpecialValues(t *testing.T) {
	tape := NewTape(nil, true)
	nan := float32(math.NaN())
	x := tape.Variable(3)
	copy(x.Data, []float32{1, nan, 2})
	m := tape.MaxAxis(x, 0)
	require.True(t, math.IsNaN(float64(m.Data[0])))
	c := tape.Clamp(x, -1, 1.5)
	require.Equal(t, float32(1.5), c.Data[2])
	require.True(t, math.IsNaN(float64(c.Data[1])))

	// The first of equal elements takes the gradient.
	tape.Reset()
	x = tape.Variable(2, 3)
	copy(x.Data, []float32{1, 4, 4, 7, 7, 7})
	tape.Backward(tape.SumAll(tape.MaxAxis(x, 1)))
	require.Equal(t, []float32{0, 1, 0, 1, 0, 0}, x.Grad)

	sp := tape.Softplus(tape.Input([]float32{-200, 200, 0, -80}, 4))
	require.Equal(t, float32(200), sp.Data[1])
	require.GreaterOrEqual(t, sp.Data[0], float32(0))
	xs := tape.New(4001)
	for i := range xs.Data {
		xs.Data[i] = float32(i-2000) / 50
	}
	for i, v := range tape.Softplus(xs).Data {
		f := float64(xs.Data[i])
		want := max(f, 0) + math.Log1p(math.Exp(-math.Abs(f)))
		require.InEpsilon(t, want, v, 4e-7, "softplus of %v", f)
	}

	// Weight zero silences a missing target.
	tape.Reset()
	y := tape.Variable(2)
	y.Data[0] = 3
	l := tape.SmoothL1(y, tape.Input([]float32{1, nan}, 2), tape.Input([]float32{1, 0}, 2), 1)
	tape.Backward(l)
	require.Equal(t, float32(1.5), l.Data[0])
	require.Equal(t, []float32{1, 0}, y.Grad)

	tape.Reset()
	ls := tape.Variable(2)
	l = tape.LaplaceNLL(tape.Input([]float32{3, nan}, 2), ls, tape.Input([]float32{1, 0}, 2))
	tape.Backward(l)
	require.Equal(t, float32(3), l.Data[0])
	require.Equal(t, []float32{-2, 0}, ls.Grad)
}

func TestPanics(t *testing.T) {
	tape := NewTape(nil, true)
	a, b := tape.Variable(3, 4), tape.Variable(5, 6)
	for want, f := range map[string]func(){
		"tensor: MatMul: [3 4] x [5 6]: inner 4 != 5":                                             func() { tape.MatMul(a, b, false, false) },
		"tensor: Add: [3 4] x [5 6]: the second cannot be broadcast to the first":                 func() { tape.Add(a, b) },
		"tensor: Add: [3 4] x [3]: the second cannot be broadcast to the first":                   func() { tape.Add(a, tape.New(3)) },
		"tensor: Linear: [3 4] x [5 6]: the last axis of x must be the first of a rank 2 weight":  func() { tape.Linear(a, b, nil, None) },
		"tensor: Reshape: [3 4] x [5]: different sizes":                                           func() { tape.Reshape(a, 5) },
		"tensor: Slice: [2:5] of axis 1 of [3 4]":                                                 func() { tape.Slice(a, 1, 2, 5) },
		"tensor: axis 2 of shape [3 4]":                                                           func() { tape.SumAxis(a, 2) },
		"tensor: Concat: [3 4] x [5 6]: axes other than 0 must be equal":                          func() { tape.Concat(0, a, b) },
		"tensor: GatherRows: index 3 at 0, rows of [3 4]":                                         func() { tape.GatherRows(a, []int32{3}) },
		"tensor: Backward: loss of shape [3 4], must have one element":                            func() { tape.Backward(a) },
		"tensor: Backward: loss depends on no parameter or variable, or the tape does not record": func() { tape.Backward(tape.New()) },
		"tensor: Input: 1 values for shape [2]":                                                   func() { tape.Input(make([]float32, 1), 2) },
		"tensor: Register: duplicate name \"tensor.Add\"":                                         func() { Register("tensor.Add", addBackward) },
		"tensor: SmoothL1 of [3 4]: target, error and weight take no gradient, use StopGradient":  func() { tape.SmoothL1(a, a, nil, 1) },
		"tensor: MeanAxis: nothing to reduce in shape [2 0]":                                      func() { tape.MeanAxis(tape.New(2, 0), 1) },
		"tensor: GRU: 1 offsets must run from 0 to the 1 rows of x":                               func() { tape.GRU(tape.New(1, 2), []int32{0}, tape.New(2, 3), tape.New(1, 3), tape.New(3), tape.New(3)) },
		"tensor: shape of rank 6, at most 5":                                                      func() { tape.New(1, 1, 1, 1, 1, 1) },
		"tensor: negative axis length -1":                                                         func() { tape.New(-1) },
		"tensor: RMSNorm: [3 4] x [5 6]: gain and bias must have the length of the last axis":     func() { tape.RMSNorm(a, b) },
		"tensor: Glu: last axis of [1 3] must be even":                                            func() { tape.Glu(tape.New(1, 3)) },
		"tensor: Clamp: lo 1 above hi 0":                                                          func() { tape.Clamp(a, 1, 0) },
		"tensor: Reshape: [3 4] has no whole number of parts of 5":                                func() { tape.Reshape(a, 5, -1) },
		"tensor: LaplaceNLL: [3 4] x [5 6]: different shapes":                                     func() { tape.LaplaceNLL(b, a, nil) },
	} {
		require.PanicsWithValue(t, want, f)
	}
	l := tape.SumAll(a)
	tape.Backward(l)
	require.PanicsWithValue(t, "tensor: Backward: called twice without Reset", func() { tape.Backward(l) })
}

func TestShape(t *testing.T) {
	s := MakeShape(2, 3, 4)
	require.Equal(t, 24, s.Size())
	require.Equal(t, 3, s.Rank())
	require.Equal(t, 4, s.Dim(-1))
	require.Equal(t, 2, s.Dim(0))
	require.Equal(t, 4, s.Last())
	require.Equal(t, 6, s.Rows())
	require.Equal(t, "[2 3 4]", fmt.Sprint(s))
	require.Equal(t, MakeShape(2, 4), s.Without(1))
	require.True(t, MakeShape(2, 4) == s.Without(-2), "unused axes must not disturb ==")
	require.Equal(t, MakeShape(2, 3, 4, 5), s.Insert(-1, 5))
	require.Equal(t, MakeShape(5, 2, 3, 4), s.Insert(0, 5))
	require.Equal(t, MakeShape(2, 3, 9), s.With(-1, 9))
	require.Equal(t, 1, Shape{}.Size())
	require.Equal(t, "[]", Shape{}.String())
}

func TestParallel(t *testing.T) {
	for _, workers := range []int{0, 1, 2, 3, 8, 100} {
		for _, n := range []int{0, 1, 2, 7, 1000} {
			got := make([]int, n)
			Parallel(n, workers, func(i int) { got[i] += i + 1 })
			for i, v := range got {
				require.Equal(t, i+1, v)
			}
		}
	}
	// Nested calls do not block each other.
	var mu sync.Mutex
	total := 0
	Parallel(10, 4, func(int) {
		Parallel(10, 4, func(int) { mu.Lock(); total++; mu.Unlock() })
	})
	require.Equal(t, 100, total)

	require.PanicsWithValue(t, "task 3", func() {
		Parallel(8, 4, func(i int) {
			if i == 3 {
				panic("task 3")
			}
		})
	})
	require.PanicsWithValue(t, "task 3", func() {
		Parallel(8, 1, func(i int) {
			if i == 3 {
				panic("task 3")
			}
		})
	})
	Parallel(3, 2, func(int) {}) // still works

	// Two workers do run at the same time.
	meet := make(chan int)
	Parallel(2, 2, func(i int) {
		if i == 0 {
			meet <- 1
		} else {
			<-meet
		}
	})

	f := func(int) {}
	Parallel(8, 4, f)
	allocs.RequireNone(t, 200, func() { Parallel(8, 4, f) })
}

// TestParallelTraining checks the intended use: gradients of fixed tasks added
// in order give the same bits for any number of workers.
func TestParallelTraining(t *testing.T) {
	m := newNet()
	const tasks = 5
	run := func(workers int) []float32 {
		tapes := make([]*Tape, tasks)
		Parallel(tasks, workers, func(i int) {
			tapes[i] = NewTape(m.p, true)
			l := tapes[i].Scale(m.loss(tapes[i]), float32(i+1))
			tapes[i].Backward(l)
		})
		sum := make([]float32, m.p.Len())
		for _, tape := range tapes {
			for i, g := range tape.Grads() {
				sum[i] += g
			}
		}
		return sum
	}
	want := run(1)
	for _, w := range []int{2, 3, 5} {
		require.Equal(t, want, run(w))
	}
	old := runtime.GOMAXPROCS(1)
	require.Equal(t, want, run(0))
	runtime.GOMAXPROCS(old)
}

func TestNormalInto(t *testing.T) {
	x, y := make([]float32, 20000), make([]float32, 20000)
	NormalInto(rand.New(rand.NewPCG(3, 4)), x, 2)
	NormalInto(rand.New(rand.NewPCG(3, 4)), y, 2)
	require.Equal(t, x, y)
	m, q := 0.0, 0.0
	for _, v := range x {
		m += float64(v) / float64(len(x))
		q += float64(v) * float64(v) / float64(len(x))
	}
	require.InDelta(t, 0, m, 0.05)
	require.InDelta(t, 4, q, 0.15)
	UniformInto(rand.New(rand.NewPCG(3, 4)), x, -1, 3)
	for _, v := range x {
		require.GreaterOrEqual(t, v, float32(-1))
		require.LessOrEqual(t, v, float32(3))
	}
}

// Linear multiplies by the integers that SetInt8 gave it, and GRU does not.
func TestFrozenInt8(t *testing.T) {
	const k, n, rows = 24, 18, 5
	r := rand.New(rand.NewPCG(51, 52))
	p := NewParams()
	w, other := p.Add("w", k, n), p.Add("other", k, n)
	codes, scale := make([]int8, k*n), make([]float32, n)
	for i := range codes {
		codes[i] = int8(r.IntN(255) - 127)
		scale[i%n] = .01 * float32(1+i%n)
	}
	for _, id := range []ParamID{w, other} {
		for i, c := range codes {
			p.Slice(id)[i] = scale[i%n] * float32(c)
		}
	}
	packed := asm.PackInt8(n, k, codes, scale)
	f := p.Seal()
	f.SetInt8(w, packed)
	x := make([]float32, rows*k)
	NormalInto(r, x, 1)
	want := make([]float32, rows*n)
	asm.GemmInt8(rows, x, k, packed, want, n, nil)
	tape := f.NewTape()
	in := tape.Input(x, rows, k)
	got := tape.Linear(in, tape.Param(w), nil, None)
	exact := tape.Linear(in, tape.Param(other), nil, None)
	require.Equal(t, want, got.Data)
	require.NotEqual(t, exact.Data, got.Data)
	for i, v := range exact.Data {
		require.InDelta(t, v, got.Data[i], 3) // top/254 times 24 weights of about 12
	}
	require.PanicsWithValue(t, `tensor: SetInt8: 24 x 18 integers for parameter "v" of shape [18 24]`, func() {
		q := NewParams()
		v := q.Add("v", n, k)
		q.Seal().SetInt8(v, packed)
	})
}
