package tensor

import (
	"fmt"
	"sync/atomic"

	"github.com/lassode/lassode/asm"
)

// ParamID names one parameter of a Params: its number in the order of Add.
type ParamID int

// Params holds all parameters of a model in one flat slice, in the order in
// which they were added, each row-major and without padding. Optimisers,
// averages and files work on the flat slice; tapes see the single parameters.
//
// Reading is safe from many goroutines at once, and so are many tapes on one
// Params. Add, and writing through Data or Slice, need exclusive use.
type Params struct {
	data    []float32
	names   []string
	shapes  []Shape
	offsets []int
	index   map[string]ParamID
}

// NewParams returns an empty set of parameters.
func NewParams() *Params {
	return &Params{index: make(map[string]ParamID)}
}

// Add appends a parameter of zeros and returns its id. It panics when the name
// is empty or taken. Add may move the flat slice: views taken before (Data,
// Slice, tensors of tapes) must be taken again.
func (p *Params) Add(name string, shape ...int) ParamID {
	if name == "" {
		panic("tensor: Params.Add: empty name")
	}
	if _, ok := p.index[name]; ok {
		panic(fmt.Sprintf("tensor: Params.Add: duplicate name %q", name))
	}
	s := MakeShape(shape...)
	id := ParamID(len(p.names))
	p.names = append(p.names, name)
	p.shapes = append(p.shapes, s)
	p.offsets = append(p.offsets, len(p.data))
	p.data = append(p.data, make([]float32, s.Size())...)
	p.index[name] = id
	return id
}

// Data returns the flat slice of all values; it is the storage itself.
func (p *Params) Data() []float32 { return p.data }

// Len returns the number of values of all parameters together.
func (p *Params) Len() int { return len(p.data) }

// Count returns the number of parameters; ids run from 0 to Count()-1.
func (p *Params) Count() int { return len(p.names) }

// Name returns the name of a parameter.
func (p *Params) Name(id ParamID) string { return p.names[id] }

// Shape returns the shape of a parameter.
func (p *Params) Shape(id ParamID) Shape { return p.shapes[id] }

// Offset returns where a parameter begins in the flat slice.
func (p *Params) Offset(id ParamID) int { return p.offsets[id] }

// Slice returns the values of a parameter, row-major, as a view into Data.
func (p *Params) Slice(id ParamID) []float32 {
	lo := p.offsets[id]
	hi := lo + p.shapes[id].Size()
	return p.data[lo:hi:hi]
}

// Lookup finds a parameter by name.
func (p *Params) Lookup(name string) (ParamID, bool) {
	id, ok := p.index[name]
	return id, ok
}

// Clone returns an independent copy with the same ids, names and layout, for
// example to keep averaged weights.
func (p *Params) Clone() *Params {
	q := &Params{
		data:    append([]float32(nil), p.data...),
		names:   append([]string(nil), p.names...),
		shapes:  append([]Shape(nil), p.shapes...),
		offsets: append([]int(nil), p.offsets...),
		index:   make(map[string]ParamID, len(p.index)),
	}
	for i, n := range q.names {
		q.index[n] = ParamID(i)
	}
	return q
}

// Frozen is a copy of parameters that never changes, for inference. Because of
// that its tapes may keep the matrices of Linear in the layout of the product's
// kernels: each is packed once, by the first tape that uses it, for all tapes.
// The results are those of tapes over the parameters themselves, bit for bit, unless
// SetInt8 says otherwise.
//
// A Frozen is safe for concurrent use.
type Frozen struct {
	params  *Params
	weights []frozenWeight
}

// frozenWeight is the packed form of a parameter, nil until it is used, and its
// integers, nil if it has none.
type frozenWeight struct {
	packed   atomic.Pointer[asm.Packed]
	integers *asm.PackedInt8
}

// Freeze copies p as it is now. Later changes of p do not reach the copy.
func (p *Params) Freeze() *Frozen { return p.Clone().Seal() }

// Seal is Freeze without the copy: from now on nobody may change p.
func (p *Params) Seal() *Frozen {
	return &Frozen{params: p, weights: make([]frozenWeight, p.Count())}
}

// SetInt8 makes Linear multiply by the integers w in place of the parameter, see
// asm.GemmInt8: faster where asm.HasInt8 says so, and less accurate. It must not be
// called while a tape is in use. It panics unless w has the shape of the parameter.
func (f *Frozen) SetInt8(id ParamID, w *asm.PackedInt8) {
	k, n := w.Size()
	if s := f.params.Shape(id); s.Rank() != 2 || s.Dim(0) != k || s.Dim(1) != n {
		panic(fmt.Sprintf("tensor: SetInt8: %d x %d integers for parameter %q of shape %v", k, n, f.params.Name(id), s))
	}
	f.weights[id].integers = w
}

// NewTape returns an inference tape over the frozen parameters. What its Params
// returns must not be written.
func (f *Frozen) NewTape() *Tape {
	t := NewTape(f.params, false)
	t.frozen = f
	return t
}

// get returns the packed form of w [k, n].
func (f *frozenWeight) get(w *Tensor) *asm.Packed {
	if p := f.packed.Load(); p != nil {
		return p
	}
	k, n := w.Shape.dim[0], w.Shape.dim[1]
	p := asm.Pack(false, n, k, w.Data, n)
	if !f.packed.CompareAndSwap(nil, p) {
		return f.packed.Load()
	}
	return p
}
