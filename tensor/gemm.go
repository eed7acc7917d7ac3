package tensor

import (
	"runtime"
	"sync"

	"github.com/lassode/lassode/asm"
)

const (
	// gemmParallel is the least number of multiply-adds worth a second goroutine: starting
	// and joining one takes a few microseconds, 1 M multiply-adds about 20.
	gemmParallel = 1 << 20
	// There are at most gemmParts parts, of gemmPart multiply-adds or more: enough to
	// even out cores of unequal speed. Parts of fewer than gemmRows rows, each of which
	// copies all of B, or of gemmCols columns would waste more than they even out.
	gemmPart  = 1 << 19
	gemmParts = 16
	gemmRows  = 128
	gemmCols  = 64
)

// Gemm is asm.GemmEpilogue on up to workers goroutines (0: GOMAXPROCS). C is split by
// rows or by columns into parts that the shape alone fixes, and each element is
// summed as asm.Gemm does it: the bits are those of one call for any number of workers.
// It does not allocate in steady state. The operations of a tape, which are parallel one
// level up, do not use it: it is for single products that are large.
func Gemm(workers int, transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool, e *asm.Epilogue) {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	if workers == 1 || m*n*k < gemmParallel {
		asm.GemmEpilogue(transA, transB, m, n, k, a, lda, b, ldb, c, ldc, acc, e)
		return
	}
	g := gemmJobs.Get().(*gemmJob)
	g.transA, g.transB, g.acc = transA, transB, acc
	g.m, g.n, g.k, g.lda, g.ldb, g.ldc = m, n, k, lda, ldb, ldc
	g.a, g.b, g.c = a, b, c
	g.e = asm.Epilogue{}
	g.hasE = e != nil
	if e != nil {
		g.e = *e
	}
	// Every part copies the factor that is not split, so the longer side is.
	parts := min(m*n*k/gemmPart, gemmParts)
	if g.byRows = m >= n; g.byRows {
		parts = min(parts, max(m/gemmRows, 4))
		g.size = (m + parts - 1) / parts
		parts = (m + g.size - 1) / g.size
	} else {
		parts = min(parts, max(n/gemmCols, 1))
		g.size = ((n+parts-1)/parts + 31) / 32 * 32 // whole panels of every tier
		parts = (n + g.size - 1) / g.size
	}
	Parallel(parts, workers, g.run)
	g.a, g.b, g.c, g.e = nil, nil, nil, asm.Epilogue{}
	gemmJobs.Put(g)
}

// gemmJob is one parallel product.
type gemmJob struct {
	transA, transB, acc, byRows, hasE bool
	m, n, k, lda, ldb, ldc, size      int
	a, b, c                           []float32
	e                                 asm.Epilogue
	run                               func(int) // part, bound once so that a call allocates nothing
}

var gemmJobs = sync.Pool{New: func() any {
	g := new(gemmJob)
	g.run = g.part
	return g
}}

// part computes part i of C.
func (g *gemmJob) part(i int) {
	a, b, c, m, n := g.a, g.b, g.c, g.m, g.n
	lo := i * g.size
	e := g.e
	from := lo // first element of C
	if g.byRows {
		m = min(g.size, m-lo)
		from = lo * g.ldc
		if g.transA {
			a = a[min(lo, len(a)):]
		} else {
			a = a[min(lo*g.lda, len(a)):]
		}
		if e.Residual != nil {
			e.Residual = e.Residual[lo*e.LDR:]
		}
	} else {
		n = min(g.size, n-lo)
		if g.transB {
			b = b[min(lo*g.ldb, len(b)):]
		} else {
			b = b[min(lo, len(b)):]
		}
		if e.Residual != nil {
			e.Residual = e.Residual[lo:]
		}
		if e.Bias != nil {
			e.Bias = e.Bias[lo:]
		}
	}
	if e.Pre != nil {
		e.Pre = e.Pre[from:]
	}
	var p *asm.Epilogue
	if g.hasE {
		p = &e
	}
	asm.GemmEpilogue(g.transA, g.transB, m, n, g.k, a, g.lda, b, g.ldb, c[from:], g.ldc, g.acc, p)
}
