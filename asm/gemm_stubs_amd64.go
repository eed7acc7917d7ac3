//go:build amd64 && !noasm

package asm

// The tile kernels: tiles tiles of 1..6 rows and w <= 16 columns of C, one below the
// other, over k >= 1 steps. Strides are in bytes: as between rows of A, ak between
// steps of A, at between tiles of A, bs between steps of B, cs between rows of C. B
// must be readable for 16 columns at each step. acc is 1 to add to C, else 0.

//go:noescape
func gemmTile6(k, tiles int, a *float32, as, ak, at int, b *float32, bs int, c *float32, cs, w, acc int)

//go:noescape
func gemmTile5(k, tiles int, a *float32, as, ak, at int, b *float32, bs int, c *float32, cs, w, acc int)

//go:noescape
func gemmTile4(k, tiles int, a *float32, as, ak, at int, b *float32, bs int, c *float32, cs, w, acc int)

//go:noescape
func gemmTile3(k, tiles int, a *float32, as, ak, at int, b *float32, bs int, c *float32, cs, w, acc int)

//go:noescape
func gemmTile2(k, tiles int, a *float32, as, ak, at int, b *float32, bs int, c *float32, cs, w, acc int)

//go:noescape
func gemmTile1(k, tiles int, a *float32, as, ak, at int, b *float32, bs int, c *float32, cs, w, acc int)

// gemmRow64 computes one row of 64 columns of C.
//
//go:noescape
func gemmRow64(k int, a *float32, ak int, b *float32, bs int, c *float32, acc int)

// packRows16 copies rows rows of w <= 16 elements, src bytes apart, to rows of 16
// padded with zeros.
//
//go:noescape
func packRows16(dst *float32, src *float32, stride, rows, w int)

// packRows8 copies rows rows of w <= 8 elements to consecutive rows of w; it writes
// up to 8-w zeros behind the last.
//
//go:noescape
func packRows8(dst *float32, src *float32, stride, rows, w int)

// transpose8 copies 8 rows of 8*blocks elements, stride bytes apart, to 8*blocks rows
// of 8 elements, 64 bytes apart.
//
//go:noescape
func transpose8(dst *float32, src *float32, stride, blocks int)
