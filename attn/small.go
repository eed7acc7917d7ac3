package attn

import "github.com/lassode/lassode/asm"

// Products of the size of one head of one sequence. Below directSize multiply-adds
// the plain loops beat a call of the packed matrix product.
const directSize = 1024

// dots computes s[i,j] = a_i . b_j for m rows of a and n of b, width k, with row
// distances lda and ldb; s is dense.
func dots(s, a []float32, lda int, b []float32, ldb, m, n, k int) {
	if m*n*k > directSize {
		asm.Gemm(false, true, m, n, k, a, lda, b, ldb, s, n, false)
		return
	}
	for i := 0; i < m; i++ {
		x, r := a[i*lda:i*lda+k], s[i*n:(i+1)*n]
		for j := range r {
			y := b[j*ldb : j*ldb+k]
			y = y[:len(x)]
			var v0, v1 float32
			l := 0
			for ; l+1 < len(x); l += 2 {
				v0 += x[l] * y[l]
				v1 += x[l+1] * y[l+1]
			}
			if l < len(x) {
				v0 += x[l] * y[l]
			}
			r[j] = v0 + v1
		}
	}
}

// mix computes y_i = sum_j w[i,j] v_j for m rows of y and n of v, width k.
func mix(y []float32, ldy int, w, v []float32, ldv, m, n, k int) {
	if m*n*k > directSize {
		asm.Gemm(false, false, m, k, n, w, n, v, ldv, y, ldy, false)
		return
	}
	for i := 0; i < m; i++ {
		clear(y[i*ldy : i*ldy+k])
	}
	mixAdd(y, ldy, w, v, ldv, m, n, k)
}

// mixAdd is mix that adds to y.
func mixAdd(y []float32, ldy int, w, v []float32, ldv, m, n, k int) {
	if m*n*k > directSize {
		asm.Gemm(false, false, m, k, n, w, n, v, ldv, y, ldy, true)
		return
	}
	for i := 0; i < m; i++ {
		for j, c := range w[i*n : (i+1)*n] {
			axpy(c, v[j*ldv:j*ldv+k], y[i*ldy:i*ldy+k])
		}
	}
}

// spreadAdd computes y_j += sum_i w[i,j] v_i for n rows of y and m of v, width k.
func spreadAdd(y []float32, ldy int, w, v []float32, ldv, m, n, k int) {
	if m*n*k > directSize {
		asm.Gemm(true, false, n, k, m, w, n, v, ldv, y, ldy, true)
		return
	}
	for i := 0; i < m; i++ {
		for j, c := range w[i*n : (i+1)*n] {
			axpy(c, v[i*ldv:i*ldv+k], y[j*ldy:j*ldy+k])
		}
	}
}

// axpy computes y += c x inline: a kernel call costs more for rows of 16.
func axpy(c float32, x, y []float32) {
	y = y[:len(x)]
	for l, v := range x {
		y[l] += c * v
	}
}
