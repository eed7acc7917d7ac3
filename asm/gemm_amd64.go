//go:build amd64 && !noasm

package asm

import "sync"

// Blocking of Gemm after Goto and van de Geijn (ACM TOMS 34, 2008), in float32 elements. The
// sums of a tile of 6 x 16 fill 12 of 16 vector registers.
const (
	tileM = 6
	tileN = 16
	// gemmKC steps of a panel of B (16 columns) take 24 KiB and stay in the L1 cache
	// while the tiles of A pass by.
	gemmKC = 384
	// gemmMC rows of A at that depth take 184 KiB, within L2.
	gemmMC = 20 * tileM
	// gemmB is the size of the packed block of B: 512 KiB, within L2 or the near L3.
	gemmB = 128 << 10
	// Up to gemmDirectM rows B is read where it lies, as too few tiles share a panel to
	// pay for the copy; beyond, if B as a whole is not within gemmDirectB.
	gemmDirectM = 12
	gemmDirectB = 4 << 10
	// From gemmPackAN columns on, a transposed A is copied.
	gemmPackAN = 33
)

// gemmScratch holds the packed blocks of one call.
type gemmScratch struct{ a, b []float32 }

var gemmPool = sync.Pool{New: func() any { return new(gemmScratch) }}

func grow(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n, n+n/4)
	}
	return s[:n]
}

// gemmSIMD is Gemm for m, n, k >= 1. Each element of C is summed over the steps of a
// depth block in order, whichever tile it falls into; the depth blocks depend on k
// alone.
func gemmSIMD(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	if transA {
		raceRead(a[:(k-1)*lda+m])
	} else {
		raceRead(a[:(m-1)*lda+k])
	}
	if transB {
		raceRead(b[:(n-1)*ldb+k])
	} else {
		raceRead(b[:(k-1)*ldb+n])
	}
	for i := range m {
		raceWrite(c[i*ldc:][:n])
	}

	// B can be read in place where a panel of 16 columns exists in memory.
	packB := transB || (m > gemmDirectM && k*n > gemmDirectB)
	packA := transA && n >= gemmPackAN
	blocks := (k + gemmKC - 1) / gemmKC
	kc := (k + blocks - 1) / blocks
	nc := n
	if packB {
		nc = min(n, max(gemmB/kc, tileN)&^(tileN-1))
	}

	var scratch *gemmScratch
	if packA || packB || n%tileN != 0 {
		scratch = gemmPool.Get().(*gemmScratch)
		if packB {
			scratch.b = grow(scratch.b, (nc+tileN-1)&^(tileN-1)*kc)
		} else {
			scratch.b = grow(scratch.b, tileN*kc)
		}
		if packA {
			scratch.a = grow(scratch.a, min(m, gemmMC)*kc+8)
		}
	}

	as, ak := 4*lda, 4
	if transA {
		as, ak = 4, 4*lda
	}
	for p0 := 0; p0 < k; p0 += kc {
		kb := min(kc, k-p0)
		add := 0
		if acc || p0 > 0 {
			add = 1
		}
		for j0 := 0; j0 < n; j0 += nc {
			nb := min(nc, n-j0)
			if packB {
				for j := 0; j < nb; j += tileN {
					packPanel(scratch.b[j*kb:], transB, b, ldb, p0, j0+j, kb, min(tileN, nb-j))
				}
			} else if w := nb % tileN; w != 0 {
				packPanel(scratch.b, false, b, ldb, p0, j0+nb-w, kb, w)
			}
			for i0 := 0; i0 < m; i0 += gemmMC {
				mb := min(gemmMC, m-i0)
				if packA {
					packBlockA(scratch.a, a, lda, p0, i0, kb, mb)
				}
				j := 0
				if mb == 1 && !packA && !packB {
					var ap *float32
					if transA {
						ap = &a[p0*lda+i0]
					} else {
						ap = &a[i0*lda+p0]
					}
					for ; j+64 <= nb; j += 64 {
						gemmRow64(kb, ap, ak, &b[p0*ldb+j0+j], 4*ldb, &c[i0*ldc+j0+j], add)
					}
				}
				for ; j < nb; j += tileN {
					w := min(tileN, nb-j)
					var bp *float32
					bs := 4 * tileN
					switch {
					case packB:
						bp = &scratch.b[j*kb]
					case w < tileN:
						bp = &scratch.b[0]
					default:
						bp, bs = &b[p0*ldb+j0+j], 4*ldb
					}
					cp := c[i0*ldc+j0+j:]
					six, rest := splitRows(mb)
					if packA {
						if six > 0 {
							gemmTile6(kb, six, &scratch.a[0], 4, 4*tileM, 4*tileM*kb, bp, bs, &cp[0], 4*ldc, w, add)
						}
						i := six * tileM
						for _, r := range rest {
							if r > 0 {
								gemmTile(r, kb, &scratch.a[i*kb], 4, 4*r, bp, bs, &cp[i*ldc], 4*ldc, w, add)
								i += r
							}
						}
						continue
					}
					ap, step := a, 1
					if transA {
						ap = a[p0*lda+i0:]
					} else {
						ap, step = a[i0*lda+p0:], lda
					}
					if six > 0 {
						gemmTile6(kb, six, &ap[0], as, ak, tileM*as, bp, bs, &cp[0], 4*ldc, w, add)
					}
					i := six * tileM
					for _, r := range rest {
						if r > 0 {
							gemmTile(r, kb, &ap[i*step], as, ak, bp, bs, &cp[i*ldc], 4*ldc, w, add)
							i += r
						}
					}
				}
			}
		}
	}
	if scratch != nil {
		gemmPool.Put(scratch)
	}
}

// splitRows covers m rows by six tiles of 6 rows and at most two smaller ones, as
// equal as possible, since a tile of few rows leaves the multipliers idle.
func splitRows(m int) (six int, rest [2]int) {
	six = m / tileM
	r := m % tileM
	switch {
	case r == 0:
	case six == 0:
		rest[0] = r
	default:
		six--
		r += tileM
		rest[0] = (r + 1) / 2
		rest[1] = r / 2
	}
	return six, rest
}

func gemmTile(rows, k int, a *float32, as, ak int, b *float32, bs int, c *float32, cs, w, acc int) {
	switch rows {
	case 6:
		gemmTile6(k, 1, a, as, ak, 0, b, bs, c, cs, w, acc)
	case 5:
		gemmTile5(k, 1, a, as, ak, 0, b, bs, c, cs, w, acc)
	case 4:
		gemmTile4(k, 1, a, as, ak, 0, b, bs, c, cs, w, acc)
	case 3:
		gemmTile3(k, 1, a, as, ak, 0, b, bs, c, cs, w, acc)
	case 2:
		gemmTile2(k, 1, a, as, ak, 0, b, bs, c, cs, w, acc)
	case 1:
		gemmTile1(k, 1, a, as, ak, 0, b, bs, c, cs, w, acc)
	}
}

// packPanel copies steps p0..p0+k of columns j0..j0+w of op(B) to rows of 16, padded
// with zeros.
func packPanel(dst []float32, trans bool, b []float32, ldb, p0, j0, k, w int) {
	if !trans {
		packRows16(&dst[0], &b[p0*ldb+j0], 4*ldb, k, w)
		return
	}
	dst = dst[:tileN*k]
	for h := 0; h < tileN; h += 8 {
		done := 0
		if w-h >= 8 && k >= 8 {
			transpose8(&dst[h], &b[(j0+h)*ldb+p0], 4*ldb, k/8)
			done = k &^ 7
		}
		for j := h; j < h+8; j++ {
			if j >= w {
				for p := range k {
					dst[p*tileN+j] = 0
				}
				continue
			}
			src := b[(j0+j)*ldb+p0:][:k]
			for p := done; p < k; p++ {
				dst[p*tileN+j] = src[p]
			}
		}
	}
}

// packBlockA copies steps p0..p0+k of rows i0..i0+m of a transposed A to tiles of
// consecutive steps, in the partition of splitRows.
func packBlockA(dst, a []float32, lda, p0, i0, k, m int) {
	six, rest := splitRows(m)
	i := 0
	for range six {
		packRows8(&dst[i*k], &a[p0*lda+i0+i], 4*lda, k, tileM)
		i += tileM
	}
	for _, r := range rest {
		if r > 0 {
			packRows8(&dst[i*k], &a[p0*lda+i0+i], 4*lda, k, r)
			i += r
		}
	}
}
