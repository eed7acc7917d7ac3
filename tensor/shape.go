package tensor

import (
	"fmt"
	"strconv"
)

// MaxRank is the largest number of axes of a tensor.
const MaxRank = 5

// Shape is the list of axis lengths of a tensor, a small comparable value:
// two shapes are equal when they compare equal with ==. The zero Shape is
// that of a scalar: rank 0, one element.
type Shape struct {
	rank int
	dim  [MaxRank]int // entries from rank on are zero, so that == works
}

// MakeShape builds a shape from axis lengths. It panics when there are more
// than MaxRank of them or one is negative. A length of zero is allowed.
func MakeShape(dims ...int) Shape {
	if len(dims) > MaxRank {
		panic("tensor: shape of rank " + strconv.Itoa(len(dims)) + ", at most " + strconv.Itoa(MaxRank))
	}
	var s Shape
	s.rank = len(dims)
	for i, d := range dims {
		if d < 0 {
			panic("tensor: negative axis length " + strconv.Itoa(d))
		}
		s.dim[i] = d
	}
	return s
}

// Size returns the number of elements: the product of the axis lengths, 1 for
// a scalar.
func (s Shape) Size() int {
	n := 1
	for i := 0; i < s.rank; i++ {
		n *= s.dim[i]
	}
	return n
}

// Rank returns the number of axes.
func (s Shape) Rank() int { return s.rank }

// Dim returns the length of axis i; a negative i counts from the end, -1 being
// the last axis. It panics when there is no such axis.
func (s Shape) Dim(i int) int { return s.dim[s.Axis(i)] }

// Axis normalises an axis number: a negative one counts from the end. It
// panics when the shape has no such axis.
func (s Shape) Axis(i int) int {
	j := i
	if j < 0 {
		j += s.rank
	}
	if j < 0 || j >= s.rank {
		panic(fmt.Sprintf("tensor: axis %d of shape %v", i, s))
	}
	return j
}

// Last returns the length of the last axis, 1 for a scalar.
func (s Shape) Last() int {
	if s.rank == 0 {
		return 1
	}
	return s.dim[s.rank-1]
}

// Rows returns the product of all axis lengths but the last: the number of
// rows that operations on the last axis see. It is 1 for a scalar.
func (s Shape) Rows() int {
	n := 1
	for i := 0; i < s.rank-1; i++ {
		n *= s.dim[i]
	}
	return n
}

// With returns the shape with the length of axis i replaced by n.
func (s Shape) With(i, n int) Shape {
	if n < 0 {
		panic("tensor: negative axis length " + strconv.Itoa(n))
	}
	s.dim[s.Axis(i)] = n
	return s
}

// Without returns the shape with axis i removed.
func (s Shape) Without(i int) Shape {
	i = s.Axis(i)
	copy(s.dim[i:], s.dim[i+1:])
	s.rank--
	s.dim[s.rank] = 0
	return s
}

// Insert returns the shape with a new axis of length n before axis i;
// i equal to the rank (or -1) appends it.
func (s Shape) Insert(i, n int) Shape {
	if i < 0 {
		i += s.rank + 1
	}
	if i < 0 || i > s.rank || s.rank == MaxRank {
		panic(fmt.Sprintf("tensor: cannot insert an axis at %d into shape %v", i, s))
	}
	if n < 0 {
		panic("tensor: negative axis length " + strconv.Itoa(n))
	}
	copy(s.dim[i+1:], s.dim[i:s.rank])
	s.dim[i] = n
	s.rank++
	return s
}

// String formats the shape as "[3 4]", a scalar as "[]".
func (s Shape) String() string {
	b := []byte{'['}
	for i := 0; i < s.rank; i++ {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendInt(b, int64(s.dim[i]), 10)
	}
	return string(append(b, ']'))
}

// around splits the shape at axis i: the elements before it, along it, after
// it. The three multiply to Size.
func (s Shape) around(i int) (outer, n, inner int) {
	outer, inner = 1, 1
	for k := 0; k < i; k++ {
		outer *= s.dim[k]
	}
	for k := i + 1; k < s.rank; k++ {
		inner *= s.dim[k]
	}
	return outer, s.dim[i], inner
}

// mismatch is the one panic of wrong shapes inside the engine.
func mismatch(op string, a, b Shape, why string) {
	panic(fmt.Sprintf("tensor: %s: %v x %v: %s", op, a, b, why))
}
