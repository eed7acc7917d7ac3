package asm

import "fmt"

// Activation names the function that an [Epilogue] applies.
type Activation uint8

// The activations of an epilogue.
const (
	ActNone    Activation = iota // identity
	ActGelu                      // [Gelu]
	ActTanh                      // [Tanh]
	ActSigmoid                   // [Sigmoid]
)

// Epilogue says what a product does with C while it is in cache:
//
//	C = act(op(A)*op(B) + bias) + residual
//
// with the old C inside the activation if the product accumulates. The zero value
// does nothing. The values are those of Gemm followed by Add, the kernel of the
// activation and Add.
type Epilogue struct {
	Bias []float32 // n elements, or nil
	Act  Activation
	// Pre receives the argument of the activation, m x n with the row stride of C; nil
	// if it is not wanted.
	Pre []float32
	// Residual is m x n with row stride LDR, or nil. Like Pre it must not overlap C.
	Residual []float32
	LDR      int
}

// Gemm computes C = op(A)*op(B), or C += op(A)*op(B) when acc is true, with C of
// m x n. op(A) is m x k: A is stored m x k with row stride lda or, if transA, k x m
// with row stride lda. op(B) is k x n: B is stored k x n with row stride ldb or, if
// transB, n x k. With k = 0 the product is zero. C must not overlap A or B.
func Gemm(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	GemmEpilogue(transA, transB, m, n, k, a, lda, b, ldb, c, ldc, acc, nil)
}

// GemmEpilogue is [Gemm] followed by e; a nil e does nothing.
func GemmEpilogue(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool, e *Epilogue) {
	if !checkGemm("Gemm", transA, transB, m, n, k, a, lda, b, ldb, c, ldc) {
		return
	}
	e.check(m, n, ldc)
	if useSIMD && k > 0 {
		gemmSIMD(transA, transB, m, n, k, a, lda, b, ldb, nil, c, ldc, acc, e)
		return
	}
	gemmGo(transA, transB, m, n, k, a, lda, b, ldb, c, ldc, acc)
	e.apply(c, 0, 0, m, n, ldc)
}

// Packed is op(B) of a product, typically weights, in the layout of the kernels. It
// is immutable and safe for concurrent use.
type Packed struct {
	n, k int
	tile tile // the kernels that data is for; zero for a plain k x n copy
	cols int  // n rounded up to whole panels
	data []float32
}

// Pack copies op(B), k x n, stored k x n with row stride ldb or, if transB, n x k.
func Pack(transB bool, n, k int, b []float32, ldb int) *Packed {
	p := &Packed{n: n, k: k}
	if !checkGemm("Pack", false, transB, 1, n, k, nil, 0, b, ldb, nil, 0) || k == 0 {
		return p
	}
	if useSIMD {
		raceMatrix(raceRead, b, k, n, ldb, transB)
		p.pack(transB, b, ldb)
		return p
	}
	p.data = make([]float32, n*k)
	for i := range k {
		for j := range n {
			if transB {
				p.data[i*n+j] = b[j*ldb+i]
			} else {
				p.data[i*n+j] = b[i*ldb+j]
			}
		}
	}
	return p
}

// GemmPacked is [GemmEpilogue] with A of m x k as it is and the packed B: the same
// bits.
func GemmPacked(m int, a []float32, lda int, b *Packed, c []float32, ldc int, acc bool, e *Epilogue) {
	n, k := b.n, b.k
	if !checkGemm("GemmPacked", false, false, m, n, k, a, lda, nil, 0, c, ldc) {
		return
	}
	e.check(m, n, ldc)
	if b.tile == (tile{}) || k == 0 {
		gemmGo(false, false, m, n, k, a, lda, b.data, n, c, ldc, acc)
		e.apply(c, 0, 0, m, n, ldc)
		return
	}
	gemmSIMD(false, false, m, n, k, a, lda, nil, 0, b, c, ldc, acc, e)
}

// GemmBatch computes batch products as [Gemm] does, with the same bits. Product i reads
// A from element i*strideA and B from i*strideB, and writes C at i*strideC; a stride of
// 0 shares a factor. The products must not overlap in C.
func GemmBatch(transA, transB bool, batch, m, n, k int, a []float32, lda, strideA int, b []float32, ldb, strideB int, c []float32, ldc, strideC int, acc bool) {
	if batch < 0 || strideA < 0 || strideB < 0 || strideC < 0 {
		panic(fmt.Sprintf("asm: GemmBatch: negative batch %d or stride %d, %d, %d", batch, strideA, strideB, strideC))
	}
	if batch == 0 || m == 0 || n == 0 {
		return
	}
	last := batch - 1
	checkGemm("GemmBatch", transA, transB, m, n, k, a[min(last*strideA, len(a)):], lda, b[min(last*strideB, len(b)):], ldb, c[min(last*strideC, len(c)):], ldc)
	if strideB == 0 && !transA && strideA == m*lda && strideC == m*ldc {
		batch, m = 1, batch*m // one product over all rows
	}
	if useSIMD && k > 0 {
		gemmBatchSIMD(transA, transB, batch, m, n, k, a, lda, strideA, b, ldb, strideB, c, ldc, strideC, acc)
		return
	}
	for i := range batch {
		gemmGo(transA, transB, m, n, k, a[min(i*strideA, len(a)):], lda, b[min(i*strideB, len(b)):], ldb, c[i*strideC:], ldc, acc)
	}
}

// check panics if the buffers are too short for m x n.
func (e *Epilogue) check(m, n, ldc int) {
	if e == nil {
		return
	}
	if e.Bias != nil && len(e.Bias) < n {
		panic(fmt.Sprintf("asm: Gemm: len(bias) = %d, want at least n = %d", len(e.Bias), n))
	}
	if e.Act > ActSigmoid {
		panic(fmt.Sprintf("asm: Gemm: activation %d", e.Act))
	}
	if e.Pre != nil {
		checkMatrix("Gemm", "pre", len(e.Pre), m, n, ldc)
	}
	if e.Residual != nil {
		checkMatrix("Gemm", "residual", len(e.Residual), m, n, e.LDR)
	}
}

// apply does the epilogue on rows i0..i0+m and columns j0..j0+n of C.
func (e *Epilogue) apply(c []float32, i0, j0, m, n, ldc int) {
	if e == nil {
		return
	}
	if e.Bias == nil && e.Pre == nil && e.Act == ActNone && e.Residual != nil && n == ldc && n == e.LDR {
		x := c[i0*n : (i0+m)*n] // whole rows, one after the other
		Add(x, x, e.Residual[i0*n:][:m*n])
		return
	}
	for i := i0; i < i0+m; i++ {
		row := c[i*ldc+j0:][:n]
		if e.Bias != nil {
			Add(row, row, e.Bias[j0:][:n])
		}
		if e.Pre != nil {
			copy(e.Pre[i*ldc+j0:][:n], row)
		}
		switch e.Act {
		case ActGelu:
			Gelu(row, row)
		case ActTanh:
			Tanh(row, row)
		case ActSigmoid:
			Sigmoid(row, row)
		}
		if e.Residual != nil {
			Add(row, row, e.Residual[i*e.LDR+j0:][:n])
		}
	}
}

// checkGemm panics on sizes that do not fit and reports whether C has elements.
func checkGemm(op string, transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int) bool {
	if m < 0 || n < 0 || k < 0 {
		panic(fmt.Sprintf("asm: %s: negative size m = %d, n = %d, k = %d", op, m, n, k))
	}
	ar, ac, br, bc := m, k, k, n
	if transA {
		ar, ac = k, m
	}
	if transB {
		br, bc = n, k
	}
	// Only Pack has no A and C, and GemmPacked no B.
	if op != "Pack" {
		checkMatrix(op, "a", len(a), ar, ac, lda)
		checkMatrix(op, "c", len(c), m, n, ldc)
	}
	if op != "GemmPacked" {
		checkMatrix(op, "b", len(b), br, bc, ldb)
	}
	return m > 0 && n > 0
}

func checkMatrix(op, name string, have, rows, cols, ld int) {
	if rows == 0 || cols == 0 {
		return
	}
	if ld < cols {
		panic(fmt.Sprintf("asm: %s: ld%s = %d is less than the %d columns of %s", op, name, ld, cols, name))
	}
	if need := (rows-1)*ld + cols; have < need {
		panic(fmt.Sprintf("asm: %s: len(%s) = %d, want at least %d for %d x %d with ld%s = %d", op, name, have, need, rows, cols, name, ld))
	}
}
