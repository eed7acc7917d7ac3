package asm

import "fmt"

// Gemm computes C = op(A)*op(B), or C += op(A)*op(B) when acc is true, with C of
// m x n. op(A) is m x k: A is stored m x k with row stride lda or, if transA, k x m
// with row stride lda. op(B) is k x n: B is stored k x n with row stride ldb or, if
// transB, n x k. With k = 0 the product is zero. C must not overlap A or B.
func Gemm(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	if m < 0 || n < 0 || k < 0 {
		panic(fmt.Sprintf("asm: Gemm: negative size m = %d, n = %d, k = %d", m, n, k))
	}
	if m == 0 || n == 0 {
		return
	}
	ar, ac, br, bc := m, k, k, n
	if transA {
		ar, ac = k, m
	}
	if transB {
		br, bc = n, k
	}
	checkMatrix("a", len(a), ar, ac, lda)
	checkMatrix("b", len(b), br, bc, ldb)
	checkMatrix("c", len(c), m, n, ldc)
	if useSIMD && k > 0 {
		gemmSIMD(transA, transB, m, n, k, a, lda, b, ldb, c, ldc, acc)
		return
	}
	gemmGo(transA, transB, m, n, k, a, lda, b, ldb, c, ldc, acc)
}

func checkMatrix(name string, have, rows, cols, ld int) {
	if rows == 0 || cols == 0 {
		return
	}
	if ld < cols {
		panic(fmt.Sprintf("asm: Gemm: ld%s = %d is less than the %d columns of %s", name, ld, cols, name))
	}
	if need := (rows-1)*ld + cols; have < need {
		panic(fmt.Sprintf("asm: Gemm: len(%s) = %d, want at least %d for %d x %d with ld%s = %d", name, have, need, rows, cols, name, ld))
	}
}
