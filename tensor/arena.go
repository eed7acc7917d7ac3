package tensor

// arena is a bump allocator over slabs that survive a reset: a second run of
// the same requests finds every slab in place and allocates nothing.
type arena[T any] struct {
	slabs [][]T
	cur   int // slab in use
	off   int // next free element of it
}

const (
	arenaAlign   = 16      // elements; 64 bytes of float32, one cache line
	arenaMinSlab = 1 << 14 // elements of the first slab
	arenaMaxSlab = 1 << 22 // growth stops doubling here; larger single requests still fit
)

// take returns n elements with whatever they held before.
func (a *arena[T]) take(n int) []T {
	if a.cur < len(a.slabs) {
		if s := a.slabs[a.cur]; n <= len(s)-a.off {
			lo := a.off
			a.off += (n + arenaAlign - 1) &^ (arenaAlign - 1)
			return s[lo : lo+n : lo+n]
		}
	}
	return a.takeNext(n)
}

// takeNext moves on to the next slab that is large enough, adding one at the
// end when there is none.
func (a *arena[T]) takeNext(n int) []T {
	for a.cur++; a.cur < len(a.slabs); a.cur++ {
		if n <= len(a.slabs[a.cur]) {
			a.off = 0
			return a.take(n)
		}
	}
	size := arenaMinSlab
	if k := len(a.slabs); k > 0 {
		size = min(2*len(a.slabs[k-1]), arenaMaxSlab)
	}
	size = max(size, (n+arenaAlign-1)&^(arenaAlign-1))
	a.slabs = append(a.slabs, make([]T, size))
	a.cur, a.off = len(a.slabs)-1, 0
	return a.take(n)
}

func (a *arena[T]) reset() { a.cur, a.off = 0, 0 }

// fill overwrites every free element with v.
func (a *arena[T]) fill(v T) {
	for i := a.cur; i < len(a.slabs); i++ {
		s := a.slabs[i]
		if i == a.cur {
			s = s[a.off:]
		}
		for k := range s {
			s[k] = v
		}
	}
}

// pool hands out zeroed values of T with stable addresses, in chunks that
// survive a reset.
type pool[T any] struct {
	chunks [][]T
	used   int
}

const poolChunk = 128

func (p *pool[T]) next() *T {
	c, i := p.used/poolChunk, p.used%poolChunk
	if c == len(p.chunks) {
		p.chunks = append(p.chunks, make([]T, poolChunk))
	}
	p.used++
	v := &p.chunks[c][i]
	var zero T
	*v = zero
	return v
}

func (p *pool[T]) at(i int) *T { return &p.chunks[i/poolChunk][i%poolChunk] }
