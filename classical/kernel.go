package classical

import "math"

// arena hands out float64 scratch that lives until reset. Blocks are kept, so
// that a second use of the same size allocates nothing; slices handed out
// earlier stay valid when a new block has to be added.
type arena struct {
	blocks [][]float64
	block  int
	off    int
	work   [2]normal // reused, so that it stays off the heap
	stale  float64   // unless it is zero, what scratch holds that nobody has written
}

// reset takes all scratch back without freeing it.
func (a *arena) reset() { a.block, a.off = 0, 0 }

// mark returns a position for release.
func (a *arena) mark() (int, int) { return a.block, a.off }

// release takes back everything handed out since mark.
func (a *arena) release(block, off int) { a.block, a.off = block, off }

// raw returns n floats with arbitrary contents.
func (a *arena) raw(n int) []float64 {
	s := a.take(n)
	if a.stale != 0 {
		for i := range s {
			s[i] = a.stale
		}
	}
	return s
}

// take returns the next n floats.
func (a *arena) take(n int) []float64 {
	for a.block < len(a.blocks) {
		if b := a.blocks[a.block]; a.off+n <= len(b) {
			s := b[a.off : a.off+n : a.off+n]
			a.off += n
			return s
		}
		a.block++
		a.off = 0
	}
	size := 1 << 16
	if n > size {
		size = n
	}
	a.blocks = append(a.blocks, make([]float64, size))
	a.block = len(a.blocks) - 1
	a.off = n
	return a.blocks[a.block][:n:n]
}

// zeros returns n zeroed floats.
func (a *arena) zeros(n int) []float64 {
	s := a.raw(n)
	clear(s)
	return s
}

// dot is the inner product of a and b[:len(a)]. Four partial sums break the
// addition latency chain; their order is fixed, so results are reproducible.
func dot(a, b []float64) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	for len(a) >= 4 && len(b) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	for i, v := range a {
		s0 += v * b[i]
	}
	return (s0 + s1) + (s2 + s3)
}

// axpy adds alpha*x to y.
func axpy(alpha float64, x, y []float64) {
	y = y[:len(x)]
	for len(x) >= 4 && len(y) >= 4 {
		y[0] += alpha * x[0]
		y[1] += alpha * x[1]
		y[2] += alpha * x[2]
		y[3] += alpha * x[3]
		x, y = x[4:], y[4:]
	}
	for i, v := range x {
		y[i] += alpha * v
	}
}

// dot22 returns the four inner products of a0, a1 with b0, b1. One pass with
// four accumulators does twice the arithmetic per load of a plain dot.
func dot22(a0, a1, b0, b1 []float64) (s00, s01, s10, s11 float64) {
	n := len(a0)
	a1, b0, b1 = a1[:n], b0[:n], b1[:n]
	for i := range a0 {
		x0, x1, y0, y1 := a0[i], a1[i], b0[i], b1[i]
		s00 += x0 * y0
		s01 += x0 * y1
		s10 += x1 * y0
		s11 += x1 * y1
	}
	return
}

// gramLower adds the lower triangle of A A' over the columns [k0,k1) to g,
// where A has m rows of stride lda and g is m x m with stride m.
func gramLower(g, a []float64, m, lda, k0, k1 int) {
	if k1 <= k0 {
		return
	}
	i := 0
	for ; i+1 < m; i += 2 {
		a0 := a[i*lda+k0 : i*lda+k1]
		a1 := a[(i+1)*lda+k0 : (i+1)*lda+k1]
		g0 := g[i*m : i*m+m]
		g1 := g[(i+1)*m : (i+1)*m+m]
		for j := 0; j <= i; j += 2 {
			b0 := a[j*lda+k0 : j*lda+k1]
			b1 := a[(j+1)*lda+k0 : (j+1)*lda+k1]
			s00, s01, s10, s11 := dot22(a0, a1, b0, b1)
			g0[j] += s00
			g0[j+1] += s01 // above the diagonal when j == i: never read
			g1[j] += s10
			g1[j+1] += s11
		}
	}
	if i < m {
		a0 := a[i*lda+k0 : i*lda+k1]
		for j := 0; j <= i; j++ {
			g[i*m+j] += dot(a0, a[j*lda+k0:j*lda+k1])
		}
	}
}

// cholesky factors the lower triangle of g (m x m, stride ld) in place into L
// with L L' = g and writes 1/L_ii to inv. A pivot below floor (rounding on a
// singular matrix) is raised to it, so the factor is always finite.
func cholesky(g []float64, m, ld int, floor float64, inv []float64) {
	for i := 0; i < m; i++ {
		gi := g[i*ld : i*ld+i+1]
		for j := 0; j < i; j++ {
			gi[j] = (gi[j] - dot(gi[:j], g[j*ld:j*ld+j])) * inv[j]
		}
		d := gi[i] - dot(gi[:i], gi[:i])
		if !(d > floor) {
			d = floor
		}
		d = math.Sqrt(d)
		gi[i] = d
		inv[i] = 1 / d
	}
}

// solveLower solves L L' x = b in place for the leading m x m block.
func solveLower(l []float64, m, ld int, inv, b []float64) {
	forward(l, ld, inv, b[:m])
	for i := m - 1; i >= 0; i-- {
		v := b[i] * inv[i]
		b[i] = v
		axpy(-v, l[i*ld:i*ld+i], b[:i])
	}
}

// forward solves L x = b in place, with the factor and the inverses that cholesky makes.
func forward(l []float64, ld int, inv, b []float64) {
	for i := range b {
		b[i] = (b[i] - dot(l[i*ld:][:i], b)) * inv[i]
	}
}

// clamp limits v to [lo,hi] and maps NaN to lo's and hi's midpoint.
func clamp(v, lo, hi float64) float64 {
	if v < lo {
		return lo
	}
	if v > hi {
		return hi
	}
	if v != v {
		return (lo + hi) / 2
	}
	return v
}

// finite reports whether v is neither NaN nor infinite.
func finite(v float64) bool { return v-v == 0 }

// bounded maps overflow to the largest finite values and NaN to zero.
func bounded(v float64) float64 { return clamp(v, -math.MaxFloat64, math.MaxFloat64) }
