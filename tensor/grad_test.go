package tensor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// arr is a float64 array of the naive references.
type arr struct {
	shape []int
	v     []float64
}

func newArr(shape ...int) arr {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return arr{shape, make([]float64, n)}
}

func (a arr) pos(idx []int) int {
	p := 0
	for i, d := range a.shape {
		p = p*d + idx[i]
	}
	return p
}

func (a arr) at(idx ...int) float64 { return a.v[a.pos(idx)] }

// each calls f for every index of a shape in row-major order.
func each(shape []int, f func(idx []int)) {
	for _, d := range shape {
		if d == 0 {
			return
		}
	}
	idx := make([]int, len(shape))
	for {
		f(idx)
		k := len(shape) - 1
		for ; k >= 0; k-- {
			idx[k]++
			if idx[k] < shape[k] {
				break
			}
			idx[k] = 0
		}
		if k < 0 {
			return
		}
	}
}

func generate(shape []int, f func(idx []int) float64) arr {
	y := newArr(shape...)
	each(shape, func(idx []int) { y.v[y.pos(idx)] = f(idx) })
	return y
}

// arg describes one input of a case.
type arg struct {
	shape  []int
	lo, hi float64
	fixed  bool // takes no gradient
	ints   bool // rounded to whole numbers, for weights that contain exact zeros
}

func in(shape ...int) arg { return arg{shape: shape, lo: -1.5, hi: 1.5} }

func (a arg) between(lo, hi float64) arg { a.lo, a.hi = lo, hi; return a }
func (a arg) constant() arg              { a.fixed = true; return a }
func (a arg) whole() arg                 { a.ints = true; return a }

type gradCase struct {
	op   string // the registered operation that the case covers, "" for views
	name string
	args []arg
	run  func(t *Tape, x []*Tensor) *Tensor
	ref  func(x []arr) arr
}

func unary(op string, lo, hi float64, run func(t *Tape, x *Tensor) *Tensor, f func(float64) float64) gradCase {
	return gradCase{op: op, args: []arg{in(3, 701).between(lo, hi)},
		run: func(t *Tape, x []*Tensor) *Tensor { return run(t, x[0]) },
		ref: func(x []arr) arr { return generate(x[0].shape, func(i []int) float64 { return f(x[0].at(i...)) }) }}
}

func refSigmoid(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
func refGelu(v float64) float64 {
	return 0.5 * v * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v)))
}

// broadcastAt reads b at an index of a's shape, repeating axes of length 1.
func broadcastAt(b arr, idx []int) float64 {
	j := make([]int, len(b.shape))
	for k := range j {
		if b.shape[k] > 1 {
			j[k] = idx[len(idx)-len(j)+k]
		}
	}
	return b.at(j...)
}

func without(s []int, axis int) []int {
	return append(append([]int{}, s[:axis]...), s[axis+1:]...)
}

func insert(s []int, axis, n int) []int {
	r := append([]int{}, s[:axis]...)
	r = append(r, n)
	return append(r, s[axis:]...)
}

func replaced(s []int, axis, n int) []int {
	r := append([]int{}, s...)
	r[axis] = n
	return r
}

func gradCases() []gradCase {
	var cs []gradCase
	add := func(c gradCase) { cs = append(cs, c) }

	acts := []func(float64) float64{func(v float64) float64 { return v }, refGelu, math.Tanh, refSigmoid}
	for act, f := range acts {
		for _, bias := range []bool{false, true} {
			args := []arg{in(2, 5, 7), in(7, 19)}
			if bias {
				args = append(args, in(19))
			}
			add(gradCase{op: "Linear", name: fmt.Sprintf("act%d/bias=%v", act, bias), args: args,
				run: func(t *Tape, x []*Tensor) *Tensor {
					var b *Tensor
					if bias {
						b = x[2]
					}
					return t.Linear(x[0], x[1], b, Activation(act))
				},
				ref: func(x []arr) arr {
					return generate([]int{2, 5, 19}, func(i []int) float64 {
						s := 0.0
						if bias {
							s = x[2].at(i[2])
						}
						for k := 0; k < 7; k++ {
							s += x[0].at(i[0], i[1], k) * x[1].at(k, i[2])
						}
						return f(s)
					})
				}})
		}
	}
	add(gradCase{op: "Linear", name: "vector", args: []arg{in(4), in(4, 3), in(3)},
		run: func(t *Tape, x []*Tensor) *Tensor { return t.Linear(x[0], x[1], x[2], None) },
		ref: func(x []arr) arr {
			return generate([]int{3}, func(i []int) float64 {
				s := x[2].at(i[0])
				for k := 0; k < 4; k++ {
					s += x[0].at(k) * x[1].at(k, i[0])
				}
				return s
			})
		}})

	for _, bias := range []bool{false, true} {
		args := []arg{in(2, 5, 19), in(2, 5, 7), in(7, 19)}
		if bias {
			args = append(args, in(19))
		}
		add(gradCase{op: "Linear", name: fmt.Sprintf("residual/bias=%v", bias), args: args,
			run: func(t *Tape, x []*Tensor) *Tensor {
				var b *Tensor
				if bias {
					b = x[3]
				}
				return t.LinearAdd(x[0], x[1], x[2], b)
			},
			ref: func(x []arr) arr {
				return generate([]int{2, 5, 19}, func(i []int) float64 {
					s := x[0].at(i...)
					if bias {
						s += x[3].at(i[2])
					}
					for k := 0; k < 7; k++ {
						s += x[1].at(i[0], i[1], k) * x[2].at(k, i[2])
					}
					return s
				})
			}})
	}
	add(gradCase{op: "Linear", name: "residual is the input", args: []arg{in(4, 6), in(6, 6), in(6)},
		run: func(t *Tape, x []*Tensor) *Tensor { return t.LinearAdd(x[0], x[0], x[1], x[2]) },
		ref: func(x []arr) arr {
			return generate([]int{4, 6}, func(i []int) float64 {
				s := x[0].at(i...) + x[2].at(i[1])
				for k := 0; k < 6; k++ {
					s += x[0].at(i[0], k) * x[1].at(k, i[1])
				}
				return s
			})
		}})

	// Gradients of intermediate results: who adds first overwrites.
	add(gradCase{op: "Linear", name: "fan-out", args: []arg{in(4, 6), in(6, 6)},
		run: func(t *Tape, x []*Tensor) *Tensor {
			y := t.Scale(x[0], 2)
			v := t.Reshape(y, 2, 2, 6)
			return t.Add(t.Add(t.Linear(y, x[1], nil, None), t.Gelu(y)), t.Add(t.Reshape(t.Square(v), 4, 6), t.Add(y, y)))
		},
		ref: func(x []arr) arr {
			return generate([]int{4, 6}, func(i []int) float64 {
				y := 2 * x[0].at(i...)
				s := refGelu(y) + y*y + 2*y
				for k := 0; k < 6; k++ {
					s += 2 * x[0].at(i[0], k) * x[1].at(k, i[1])
				}
				return s
			})
		}})
	add(gradCase{op: "Linear", name: "through a part", args: []arg{in(4, 6), in(6, 6)},
		run: func(t *Tape, x []*Tensor) *Tensor {
			y := t.Scale(x[0], 2)
			return t.Linear(t.Slice(y, 0, 1, 3), x[1], nil, None)
		},
		ref: func(x []arr) arr {
			return generate([]int{2, 6}, func(i []int) float64 {
				s := 0.0
				for k := 0; k < 6; k++ {
					s += 2 * x[0].at(i[0]+1, k) * x[1].at(k, i[1])
				}
				return s
			})
		}})

	for _, batch := range [][]int{{}, {3}, {2, 2}} {
		for flags := 0; flags < 8; flags++ {
			ta, tb, shared := flags&1 == 1, flags&2 == 2, flags&4 == 4
			if shared && len(batch) == 0 {
				continue
			}
			m, k, n := 4, 3, 5
			as, bs := append(append([]int{}, batch...), m, k), append(append([]int{}, batch...), k, n)
			if ta {
				as = append(append([]int{}, batch...), k, m)
			}
			if tb {
				bs = append(append([]int{}, batch...), n, k)
			}
			if shared {
				bs = bs[len(batch):]
			}
			add(gradCase{op: "MatMul", name: fmt.Sprintf("%v/ta=%v/tb=%v/shared=%v", batch, ta, tb, shared),
				args: []arg{in(as...), in(bs...)},
				run:  func(t *Tape, x []*Tensor) *Tensor { return t.MatMul(x[0], x[1], ta, tb) },
				ref: func(x []arr) arr {
					return generate(append(append([]int{}, batch...), m, n), func(i []int) float64 {
						lead, r, c := i[:len(i)-2], i[len(i)-2], i[len(i)-1]
						s := 0.0
						for q := 0; q < k; q++ {
							ai, bi := []int{r, q}, []int{q, c}
							if ta {
								ai = []int{q, r}
							}
							if tb {
								bi = []int{c, q}
							}
							ai = append(append([]int{}, lead...), ai...)
							if !shared {
								bi = append(append([]int{}, lead...), bi...)
							}
							s += x[0].at(ai...) * x[1].at(bi...)
						}
						return s
					})
				}})
		}
	}

	binary := []struct {
		op  string
		run func(t *Tape, a, b *Tensor) *Tensor
		f   func(a, b float64) float64
	}{
		{"Add", (*Tape).Add, func(a, b float64) float64 { return a + b }},
		{"Sub", (*Tape).Sub, func(a, b float64) float64 { return a - b }},
		{"Mul", (*Tape).Mul, func(a, b float64) float64 { return a * b }},
	}
	shapes := [][2][]int{
		{{3, 40}, {3, 40}}, {{3, 40}, {40}}, {{3, 40}, {3, 1}}, {{3, 40}, {}}, {{3, 40}, {1}}, {{3, 40}, {1, 1}},
		{{3, 5}, {5}}, {{3, 5}, {3, 1}}, {{2, 3, 20}, {2, 1, 20}}, {{2, 3, 4}, {1, 3, 1}}, {{2, 3, 4}, {3, 1}},
		{{2, 3, 2, 3, 2}, {3, 1, 3, 1}}, {{2, 3, 2, 3, 18}, {2, 1, 2, 1, 18}}, {{2, 1, 3}, {2, 1, 1}}, {{}, {}}, {{1, 1}, {1}},
		{{2, 3, 4}, {2, 3, 1}}, {{2, 3, 17}, {1, 3, 17}}, {{0, 3}, {3}},
	}
	for _, o := range binary {
		for _, s := range shapes {
			add(gradCase{op: o.op, name: fmt.Sprint(s), args: []arg{in(s[0]...), in(s[1]...)},
				run: func(t *Tape, x []*Tensor) *Tensor { return o.run(t, x[0], x[1]) },
				ref: func(x []arr) arr {
					return generate(x[0].shape, func(i []int) float64 { return o.f(x[0].at(i...), broadcastAt(x[1], i)) })
				}})
		}
		add(gradCase{op: o.op, name: "with itself", args: []arg{in(33)},
			run: func(t *Tape, x []*Tensor) *Tensor { return o.run(t, x[0], x[0]) },
			ref: func(x []arr) arr {
				return generate(x[0].shape, func(i []int) float64 { return o.f(x[0].at(i...), x[0].at(i...)) })
			}})
	}

	add(unary("Scale", -2, 2, func(t *Tape, x *Tensor) *Tensor { return t.Scale(x, -1.75) }, func(v float64) float64 { return -1.75 * v }))
	add(unary("AddScalar", -2, 2, func(t *Tape, x *Tensor) *Tensor { return t.AddScalar(x, 0.5) }, func(v float64) float64 { return v + 0.5 }))
	add(unary("Sigmoid", -6, 6, (*Tape).Sigmoid, refSigmoid))
	add(unary("Tanh", -4, 4, (*Tape).Tanh, math.Tanh))
	add(unary("Gelu", -4, 4, (*Tape).Gelu, refGelu))
	add(unary("Silu", -6, 6, (*Tape).Silu, func(v float64) float64 { return v * refSigmoid(v) }))
	add(unary("Exp", -3, 2, (*Tape).Exp, math.Exp))
	add(unary("Log", 0.1, 4, (*Tape).Log, math.Log))
	add(unary("Softplus", -8, 8, (*Tape).Softplus, func(v float64) float64 { return math.Log(1 + math.Exp(v)) }))
	add(unary("Abs", -2, 2, (*Tape).Abs, math.Abs))
	add(unary("Square", -2, 2, (*Tape).Square, func(v float64) float64 { return v * v }))
	add(unary("Clamp", -2, 2, func(t *Tape, x *Tensor) *Tensor { return t.Clamp(x, -0.7, 1.1) }, func(v float64) float64 { return math.Min(math.Max(v, -0.7), 1.1) }))

	for _, h := range []int{3, 20} {
		add(gradCase{op: "Glu", name: fmt.Sprint(h), args: []arg{in(2, 3, 2*h)},
			run: func(t *Tape, x []*Tensor) *Tensor { return t.Glu(x[0]) },
			ref: func(x []arr) arr {
				return generate([]int{2, 3, h}, func(i []int) float64 {
					return refGelu(x[0].at(i...)) * x[0].at(i[0], i[1], i[2]+h)
				})
			}})
	}

	for _, s := range [][]int{{4, 9}, {2, 3, 33}, {6}} {
		rowOf := func(x arr, i []int) []float64 {
			n := s[len(s)-1]
			p := x.pos(i) / n * n
			return x.v[p : p+n]
		}
		n := s[len(s)-1]
		add(gradCase{op: "Softmax", name: fmt.Sprint(s), args: []arg{in(s...)},
			run: func(t *Tape, x []*Tensor) *Tensor { return t.Softmax(x[0]) },
			ref: func(x []arr) arr {
				return generate(s, func(i []int) float64 {
					z := 0.0
					for _, v := range rowOf(x[0], i) {
						z += math.Exp(v)
					}
					return math.Exp(x[0].at(i...)) / z
				})
			}})
		add(gradCase{op: "RMSNorm", name: fmt.Sprint(s), args: []arg{in(s...), in(n)},
			run: func(t *Tape, x []*Tensor) *Tensor { return t.RMSNorm(x[0], x[1]) },
			ref: func(x []arr) arr {
				return generate(s, func(i []int) float64 {
					q := 0.0
					for _, v := range rowOf(x[0], i) {
						q += v * v
					}
					return x[0].at(i...) * x[1].at(i[len(i)-1]) / math.Sqrt(q/float64(n)+1e-5)
				})
			}})
		add(gradCase{op: "LayerNorm", name: fmt.Sprint(s), args: []arg{in(s...), in(n), in(n)},
			run: func(t *Tape, x []*Tensor) *Tensor { return t.LayerNorm(x[0], x[1], x[2]) },
			ref: func(x []arr) arr {
				return generate(s, func(i []int) float64 {
					m, q := 0.0, 0.0
					for _, v := range rowOf(x[0], i) {
						m += v / float64(n)
					}
					for _, v := range rowOf(x[0], i) {
						q += (v - m) * (v - m) / float64(n)
					}
					c := i[len(i)-1]
					return (x[0].at(i...)-m)/math.Sqrt(q+1e-5)*x[1].at(c) + x[2].at(c)
				})
			}})
	}

	box := []int{3, 4, 18}
	total := func(x arr) float64 {
		s := 0.0
		for _, v := range x.v {
			s += v
		}
		return s
	}
	add(gradCase{op: "SumAxis", name: "SumAll", args: []arg{in(box...)},
		run: func(t *Tape, x []*Tensor) *Tensor { return t.SumAll(x[0]) },
		ref: func(x []arr) arr { return generate(nil, func([]int) float64 { return total(x[0]) }) }})
	add(gradCase{op: "SumAxis", name: "MeanAll", args: []arg{in(box...)},
		run: func(t *Tape, x []*Tensor) *Tensor { return t.MeanAll(x[0]) },
		ref: func(x []arr) arr { return generate(nil, func([]int) float64 { return total(x[0]) / 216 }) }})
	for axis := 0; axis < 3; axis++ {
		along := func(x arr, i []int) (v []float64) {
			for k := 0; k < box[axis]; k++ {
				v = append(v, x.at(insert(i, axis, k)...))
			}
			return v
		}
		sum := func(v []float64) (s float64) {
			for _, e := range v {
				s += e
			}
			return s
		}
		out := without(box, axis)
		add(gradCase{op: "SumAxis", name: fmt.Sprint(axis), args: []arg{in(box...)},
			run: func(t *Tape, x []*Tensor) *Tensor { return t.SumAxis(x[0], axis) },
			ref: func(x []arr) arr { return generate(out, func(i []int) float64 { return sum(along(x[0], i)) }) }})
		add(gradCase{op: "SumAxis", name: fmt.Sprint("Mean", axis), args: []arg{in(box...)},
			run: func(t *Tape, x []*Tensor) *Tensor { return t.MeanAxis(x[0], axis-3) },
			ref: func(x []arr) arr {
				return generate(out, func(i []int) float64 { return sum(along(x[0], i)) / float64(box[axis]) })
			}})
		add(gradCase{op: "MaxAxis", name: fmt.Sprint(axis), args: []arg{in(box...)},
			run: func(t *Tape, x []*Tensor) *Tensor { return t.MaxAxis(x[0], axis-3) },
			ref: func(x []arr) arr {
				return generate(out, func(i []int) float64 {
					m := math.Inf(-1)
					for _, v := range along(x[0], i) {
						m = math.Max(m, v)
					}
					return m
				})
			}})
		for _, cuts := range [][2]int{{0, box[axis]}, {1, 3}, {2, 2}} {
			op := "Slice"
			if axis == 0 {
				op = ""
			}
			add(gradCase{op: op, name: fmt.Sprint("Slice", axis, cuts), args: []arg{in(box...)},
				run: func(t *Tape, x []*Tensor) *Tensor { return t.Slice(x[0], axis-3, cuts[0], cuts[1]) },
				ref: func(x []arr) arr {
					return generate(replaced(box, axis, cuts[1]-cuts[0]), func(i []int) float64 {
						return x[0].at(replaced(i, axis, i[axis]+cuts[0])...)
					})
				}})
		}
		add(gradCase{op: "Concat", name: fmt.Sprint(axis),
			args: []arg{in(box...), in(replaced(box, axis, 1)...), in(replaced(box, axis, 0)...), in(replaced(box, axis, 2)...)},
			run:  func(t *Tape, x []*Tensor) *Tensor { return t.Concat(axis-3, x...) },
			ref: func(x []arr) arr {
				return generate(replaced(box, axis, box[axis]+3), func(i []int) float64 {
					k := i[axis]
					for _, a := range x {
						if k < a.shape[axis] {
							return a.at(replaced(i, axis, k)...)
						}
						k -= a.shape[axis]
					}
					return math.NaN()
				})
			}})
	}
	many := make([]arg, 13)
	for i := range many {
		many[i] = in(2, 1)
	}
	add(gradCase{op: "Concat", name: "13 inputs", args: many,
		run: func(t *Tape, x []*Tensor) *Tensor { return t.Concat(1, x...) },
		ref: func(x []arr) arr {
			return generate([]int{2, 13}, func(i []int) float64 { return x[i[1]].at(i[0], 0) })
		}})
	for axis := 0; axis <= 2; axis++ {
		add(gradCase{op: "Expand", name: fmt.Sprint(axis), args: []arg{in(3, 17)},
			run: func(t *Tape, x []*Tensor) *Tensor { return t.Expand(x[0], axis-3, 4) },
			ref: func(x []arr) arr {
				return generate(insert([]int{3, 17}, axis, 4), func(i []int) float64 { return x[0].at(without(i, axis)...) })
			}})
	}
	add(gradCase{name: "Reshape", args: []arg{in(3, 4)},
		run: func(t *Tape, x []*Tensor) *Tensor { return t.Square(t.Reshape(x[0], 2, -1)) },
		ref: func(x []arr) arr {
			return generate([]int{2, 6}, func(i []int) float64 { v := x[0].v[i[0]*6+i[1]]; return v * v })
		}})
	big := []int{2, 3, 2, 19, 4}
	for i := 0; i < 5; i++ {
		for j := i + 1; j < 5; j++ {
			out := replaced(replaced(big, i, big[j]), j, big[i])
			add(gradCase{op: "Transpose", name: fmt.Sprint(i, j), args: []arg{in(big...)},
				run: func(t *Tape, x []*Tensor) *Tensor { return t.Transpose(x[0], j-5, i) },
				ref: func(x []arr) arr {
					return generate(out, func(q []int) float64 {
						return x[0].at(replaced(replaced(q, i, q[j]), j, q[i])...)
					})
				}})
		}
	}
	for _, d := range []int{3, 20} {
		idx := []int32{2, -1, 0, 2, 4, 2}
		add(gradCase{op: "GatherRows", name: fmt.Sprint(d), args: []arg{in(5, d)},
			run: func(t *Tape, x []*Tensor) *Tensor { return t.GatherRows(x[0], idx) },
			ref: func(x []arr) arr {
				return generate([]int{6, d}, func(i []int) float64 {
					if idx[i[0]] < 0 {
						return 0
					}
					return x[0].at(int(idx[i[0]]), i[1])
				})
			}})
	}

	var ragged, even []int32 // longer than blocks of steps
	for s := range int32(91) {
		ragged = append(ragged, s*8+s*s%7)
		even = append(even, s*7)
	}
	ragged[0] = 0
	for _, offsets := range [][]int32{{0, 3, 3, 5, 10, 11, 14}, {0, 4, 8, 12}, {0, 3, 6, 8, 10}, {0, 0, 1}, {0}, {0, 0}, {0, 6}, ragged, even} {
		for _, h := range []int{4, 17} {
			if h > 4 && len(offsets) > 20 {
				continue
			}
			rows, nin, seqs := int(offsets[len(offsets)-1]), 3, len(offsets)-1
			add(gradCase{op: "GRU", name: fmt.Sprint(offsets[:min(len(offsets), 7)], len(offsets)-1, h),
				args: []arg{in(rows, nin), in(nin, 3*h).between(-.5, .5), in(h, 3*h).between(-.5, .5), in(3 * h), in(3 * h)},
				run:  func(t *Tape, x []*Tensor) *Tensor { return t.GRU(x[0], offsets, x[1], x[2], x[3], x[4]) },
				ref: func(x []arr) arr {
					y := newArr(seqs, h)
					for s := 0; s < seqs; s++ {
						st := make([]float64, h)
						for r := int(offsets[s]); r < int(offsets[s+1]); r++ {
							part := func(row []float64, w, b arr, c int) float64 {
								v := b.at(c)
								for k, e := range row {
									v += e * w.at(k, c)
								}
								return v
							}
							xr := x[0].v[r*nin : (r+1)*nin]
							ns := make([]float64, h)
							for j := range ns {
								rg := refSigmoid(part(xr, x[1], x[3], j) + part(st, x[2], x[4], j))
								zg := refSigmoid(part(xr, x[1], x[3], h+j) + part(st, x[2], x[4], h+j))
								ng := math.Tanh(part(xr, x[1], x[3], 2*h+j) + rg*part(st, x[2], x[4], 2*h+j))
								ns[j] = (1-zg)*ng + zg*st[j]
							}
							st = ns
						}
						copy(y.v[s*h:], st)
					}
					return y
				}})
		}
	}

	for _, weighted := range []bool{true, false} {
		args := []arg{in(5, 6), in(5, 6).constant()}
		if weighted {
			args = append(args, in(5, 6).between(-0.4, 2.4).constant().whole())
		}
		weight := func(x []*Tensor) *Tensor {
			if weighted {
				return x[2]
			}
			return nil
		}
		w := func(x []arr, i int) float64 {
			if weighted {
				return x[2].v[i]
			}
			return 1
		}
		add(gradCase{op: "SmoothL1", name: fmt.Sprint(weighted), args: args,
			run: func(t *Tape, x []*Tensor) *Tensor { return t.SmoothL1(x[0], x[1], weight(x), 0.75) },
			ref: func(x []arr) arr {
				s := 0.0
				for i := range x[0].v {
					d := math.Abs(x[0].v[i] - x[1].v[i])
					if d < 0.75 {
						d = d * d / 1.5
					} else {
						d -= 0.375
					}
					s += w(x, i) * d
				}
				return arr{nil, []float64{s}}
			}})
		add(gradCase{op: "LaplaceNLL", name: fmt.Sprint(weighted), args: args,
			run: func(t *Tape, x []*Tensor) *Tensor { return t.LaplaceNLL(x[1], x[0], weight(x)) },
			ref: func(x []arr) arr {
				s := 0.0
				for i, ls := range x[0].v {
					s += w(x, i) * (math.Abs(x[1].v[i])*math.Exp(-ls) + ls)
				}
				return arr{nil, []float64{s}}
			}})
	}
	return cs
}

// outcome is what a case computes: the output, and the gradient of each input
// for a random linear functional of the output.
type outcome struct {
	y     []float32
	shape Shape
	grads [][]float32
}

// runCase runs a case with the inputs for which want is true taking gradients.
// Their Grad holds bias beforehand: gradients must be added.
func runCase(t *testing.T, tape *Tape, c gradCase, values [][]float32, coef []float32, want []bool, bias float32) outcome {
	tape.Reset()
	tape.Poison()
	xs := make([]*Tensor, len(values))
	any := false
	for i, v := range values {
		if want[i] {
			xs[i] = tape.Variable(c.args[i].shape...)
			any = any || tape.Recording()
			for k := range xs[i].Grad {
				xs[i].Grad[k] = bias
			}
		} else {
			xs[i] = tape.New(c.args[i].shape...)
		}
		copy(xs[i].Data, v)
	}
	y := c.run(tape, xs)
	require.Equal(t, any, y.Grad != nil, "Grad present exactly when an input takes a gradient")
	o := outcome{y: append([]float32{}, y.Data...), shape: y.Shape}
	require.Equal(t, y.Shape.Size(), len(y.Data))
	if any {
		k := tape.Input(coef[:len(y.Data)], len(y.Data))
		tape.Backward(tape.SumAll(tape.Mul(tape.Reshape(y, -1), k)))
	} else {
		require.Zero(t, tape.nodes.used, "nothing recorded")
	}
	for i := range xs {
		require.Equal(t, values[i], xs[i].Data, "input %d changed", i)
		if xs[i].Grad == nil {
			o.grads = append(o.grads, nil)
		} else {
			o.grads = append(o.grads, append([]float32{}, xs[i].Grad...))
		}
	}
	return o
}

// TestGradients compares every operation with a naive float64 reference: the
// output with its value, the gradients with its central differences.
func TestGradients(t *testing.T) {
	covered := map[string]bool{}
	tape, inference := NewTape(nil, true), NewTape(nil, false)
	for number, c := range gradCases() {
		if c.op != "" {
			covered["tensor."+c.op] = true
		}
		t.Run(c.op+"/"+c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, uint64(number)))
			values := make([][]float32, len(c.args))
			exact := make([]arr, len(c.args))
			all, none := make([]bool, len(c.args)), make([]bool, len(c.args))
			for i, a := range c.args {
				exact[i] = newArr(a.shape...)
				values[i] = make([]float32, len(exact[i].v))
				for k := range values[i] {
					v := a.lo + (a.hi-a.lo)*r.Float64()
					if a.ints {
						v = math.Round(v)
					}
					values[i][k] = float32(v)
					exact[i].v[k] = float64(values[i][k])
				}
				all[i] = !a.fixed
			}
			ref := c.ref(exact)
			coef := make([]float32, len(ref.v))
			NormalInto(r, coef, 1)

			o := runCase(t, tape, c, values, coef, all, 0)
			require.Equal(t, MakeShape(ref.shape...), o.shape)
			peak := 1.0
			for _, v := range ref.v {
				peak = math.Max(peak, math.Abs(v))
			}
			for k, v := range ref.v {
				require.InDelta(t, v, float64(o.y[k]), 3e-6*peak, "output %d", k)
			}

			again := runCase(t, tape, c, values, coef, all, 0)
			require.Equal(t, o, again, "same bits after Reset")
			require.Equal(t, o.y, runCase(t, inference, c, values, coef, all, 0).y, "same bits without recording")
			require.Equal(t, o.y, runCase(t, tape, c, values, coef, none, 0).y, "same bits without gradients")
			added := runCase(t, tape, c, values, coef, all, 1)

			functional := func() float64 {
				s := 0.0
				for k, v := range c.ref(exact).v {
					s += v * float64(coef[k])
				}
				return s
			}
			for i := range c.args {
				if !all[i] {
					continue
				}
				single := append([]bool{}, none...)
				single[i] = true
				require.Equal(t, o.grads[i], runCase(t, tape, c, values, coef, single, 0).grads[i], "input %d alone", i)

				// Every element of small inputs, a sample of large ones.
				step := max(1, len(exact[i].v)/40)
				numeric := map[int]float64{}
				peak := 1.0
				for k := r.IntN(step); k < len(exact[i].v); k += step {
					v, h := exact[i].v[k], 1e-5
					exact[i].v[k] = v + h
					up := functional()
					exact[i].v[k] = v - h
					numeric[k] = (up - functional()) / (2 * h)
					exact[i].v[k] = v
					peak = math.Max(peak, math.Abs(numeric[k]))
				}
				for k, g := range numeric {
					require.InDelta(t, g, float64(o.grads[i][k]), 1e-5*peak, "gradient of input %d at %d", i, k)
					require.InDelta(t, g+1, float64(added.grads[i][k]), 1e-5*(peak+1), "gradient of input %d at %d is added", i, k)
				}
			}
		})
	}
	for _, name := range Ops() {
		if strings.HasPrefix(name, "tensor.") && !covered[name] {
			t.Errorf("%s has no gradient check", name)
		}
	}
}
