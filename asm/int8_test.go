package asm

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func randomInt8(r *rand.Rand, n, k int) (codes []int8, scale []float32) {
	codes, scale = make([]int8, k*n), make([]float32, n)
	for i := range codes {
		codes[i] = int8(r.IntN(255) - 127)
	}
	for j := range scale {
		scale[j] = float32(math.Exp(r.NormFloat64()))
	}
	return codes, scale
}

// int8Reference follows the formula in the comment of GemmInt8, in float64 but for the
// roundings that are part of it.
func int8Reference(m, n, k int, a []float32, lda int, codes []int8, scale []float32) []float32 {
	out := make([]float32, m*n)
	for i := range m {
		top := float32(0)
		for _, v := range a[i*lda:][:k] {
			top = max(top, v, -v)
		}
		inv := float32(127) / max(top, 0x1p-100)
		for j := range n {
			sum := 0
			for p, v := range a[i*lda:][:k] {
				sum += int(math.RoundToEven(float64(v*inv))) * int(codes[p*n+j])
			}
			out[i*n+j] = float32(sum) * (top / 127 * scale[j])
		}
	}
	return out
}

func TestGemmInt8(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	sizes := [][3]int{{192, 96, 96}, {5, 288, 96}, {1, 1, 1}, {13, 33, 17}, {12, 32, 16}, {25, 31, 200}, {7, 65, 15}, {30, 100, 97}, {3, 16, 1000}}
	for n := 1; n <= 66; n++ { // every tail of a panel, every tail of a row
		sizes = append(sizes, [3]int{1 + n%9, n, 1 + (5*n)%67})
	}
	sizes = append(sizes, [3]int{9, 41, 600}) // deep enough to be cut on NEON
	for m := 1; m <= 27; m++ {
		sizes = append(sizes, [3]int{m, 1 + r.IntN(70), 1 + r.IntN(70)})
	}
	eachInt8(t, func(tier string) {
		for _, d := range sizes {
			m, n, k := d[0], d[1], d[2]
			what := fmt.Sprintf("%s %v", tier, d)
			codes, scale := randomInt8(r, n, k)
			p := PackInt8(n, k, codes, scale)
			pk, pn := p.Size()
			require.Equal(t, []int{k, n}, []int{pk, pn})
			lda, ldc := k+r.IntN(3), n+r.IntN(3)
			a := fill(r, make([]float32, m*lda+3)[r.IntN(4):])
			c, check := guarded((m-1)*ldc+n, r.IntN(4))
			want := int8Reference(m, n, k, a, lda, codes, scale)
			GemmInt8(m, a, lda, p, c, ldc, nil)
			check(t, what)
			for i := range m {
				require.Equal(t, want[i*n:(i+1)*n], c[i*ldc:][:n], "%s row %d", what, i)
				// The bound of the rounding.
				var top float64
				for _, v := range a[i*lda:][:k] {
					top = max(top, math.Abs(float64(v)))
				}
				for j := range n {
					var exact, size float64
					for q, v := range a[i*lda:][:k] {
						w := float64(codes[q*n+j]) * float64(scale[j])
						exact += float64(v) * w
						size += math.Abs(w)
					}
					require.InDelta(t, exact, c[i*ldc+j], 1.001*top/254*size+1e-5*size, what)
				}
			}
		}
	})
}

func TestGemmInt8Epilogue(t *testing.T) {
	r := rand.New(rand.NewPCG(33, 34))
	const m, n, k = 29, 96, 64
	codes, scale := randomInt8(r, n, k)
	p := PackInt8(n, k, codes, scale)
	a, bias, residual := fill(r, make([]float32, m*k)), fill(r, make([]float32, n)), fill(r, make([]float32, m*n))
	eachInt8(t, func(tier string) {
		plain, got := make([]float32, m*n), make([]float32, m*n)
		GemmInt8(m, a, k, p, plain, n, nil)
		GemmInt8(m, a, k, p, got, n, &Epilogue{Bias: bias, Act: ActTanh, Residual: residual, LDR: n})
		for i := range m {
			row := plain[i*n:][:n]
			Add(row, row, bias)
			Tanh(row, row)
			Add(row, row, residual[i*n:][:n])
		}
		require.Equal(t, plain, got, tier)
	})
}

func TestGemmInt8Special(t *testing.T) {
	r := rand.New(rand.NewPCG(35, 36))
	const n, k = 40, 24
	codes, scale := randomInt8(r, n, k)
	p := PackInt8(n, k, codes, scale)
	eachInt8(t, func(tier string) {
		a := fill(r, make([]float32, 7*k))
		a[1*k+23], a[2*k+3], a[3*k+9] = nan32, inf32, -inf32
		clear(a[4*k : 5*k])
		for i := range k {
			a[5*k+i] *= 1e-36
			a[6*k+i] *= 1e36
		}
		c := make([]float32, 7*n)
		GemmInt8(7, a, k, p, c, n, nil)
		want := int8Reference(7, n, k, a, k, codes, scale)
		for i, v := range c {
			switch i / n {
			case 1, 2, 3:
				require.True(t, v != v, "%s: %v", tier, v)
			case 4, 5:
				require.Zero(t, v, tier)
			default:
				require.Equal(t, want[i], v, tier)
			}
		}
	})
	c := []float32{7}
	GemmInt8(0, nil, 1, p, c, n, nil)
	require.Equal(t, float32(7), c[0])
	GemmInt8(1, nil, 0, PackInt8(1, 0, nil, []float32{1}), c, 1, nil)
	require.Zero(t, c[0], "an empty sum")
	require.Panics(t, func() { PackInt8(2, 2, make([]int8, 3), make([]float32, 2)) })
	require.Panics(t, func() { PackInt8(2, 2, make([]int8, 4), make([]float32, 1)) })
	require.Panics(t, func() { PackInt8(1, maxInt8Depth+1, make([]int8, maxInt8Depth+1), make([]float32, 1)) })
	require.Panics(t, func() { GemmInt8(2, make([]float32, 2*k-1), k, p, make([]float32, 2*n), n, nil) })
	require.Panics(t, func() { GemmInt8(2, make([]float32, 2*k), k, p, make([]float32, 2*n-1), n, nil) })
}

// The greatest sums that there are: every code and every rounded element at an end of its
// range, the code -128 included.
func TestGemmInt8Extremes(t *testing.T) {
	const m, n = 13, 45
	for _, k := range []int{1, 16, 96, 8192} {
		for _, code := range []int8{-128, -127, 127} {
			codes, scale := make([]int8, k*n), make([]float32, n)
			a := make([]float32, m*k)
			for i := range codes {
				codes[i] = code
			}
			for i := range scale {
				scale[i] = 1
			}
			for i := range a {
				a[i] = 1 - 2*float32(i/k%2)
			}
			p := PackInt8(n, k, codes, scale)
			want := int8Reference(m, n, k, a, k, codes, scale)
			eachInt8(t, func(tier string) {
				c := make([]float32, m*n)
				GemmInt8(m, a, k, p, c, n, nil)
				require.Equal(t, want, c, "%s, k = %d, code %d", tier, k, code)
			})
		}
	}
}

// FuzzGemmInt8 tries shapes, strides and bit patterns: all bodies must agree with the
// reference bit for bit, NaN apart.
func FuzzGemmInt8(f *testing.F) {
	f.Add(uint8(3), uint8(17), uint8(9), uint8(2), uint64(1), []byte{0, 0, 192, 127, 1, 0, 0, 0})
	f.Add(uint8(13), uint8(70), uint8(65), uint8(0), uint64(2), []byte{255, 255, 127, 127, 0, 0, 128, 255})
	f.Add(uint8(26), uint8(33), uint8(16), uint8(1), uint64(3), []byte(nil))
	f.Fuzz(func(t *testing.T, mm, nn, kk, pad uint8, seed uint64, wild []byte) {
		r := rand.New(rand.NewPCG(seed, 0))
		m, n, k := 1+int(mm%40), 1+int(nn%100), 1+int(kk%120)
		lda, ldc := k+int(pad%5), n+int(pad/5%5)
		codes, scale := randomInt8(r, n, k)
		codes[r.IntN(len(codes))] = -128
		a := fill(r, make([]float32, m*lda))
		for i := 0; 4*i+4 <= len(wild); i++ {
			a[r.IntN(len(a))] = math.Float32frombits(binary.LittleEndian.Uint32(wild[4*i:]))
		}
		p := PackInt8(n, k, codes, scale)
		var want []float32
		run := func(tier string) []float32 {
			c, check := guarded((m-1)*ldc+n, int(pad%4))
			for i := range c {
				c[i] = 5
			}
			GemmInt8(m, a, lda, p, c, ldc, nil)
			check(t, tier)
			for i, v := range c {
				if v != v {
					c[i] = -777
				}
			}
			return c
		}
		eachInt8(t, func(tier string) {
			if want == nil {
				want = run(tier)
			}
		})
		eachInt8(t, func(tier string) { require.Equal(t, want, run(tier), "%s %d x %d x %d", tier, m, n, k) })
	})
}

func TestGemmInt8AllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector drops pooled memory")
	}
	codes, scale := randomInt8(rand.New(rand.NewPCG(1, 2)), 64, 64)
	p := PackInt8(64, 64, codes, scale)
	a, c := make([]float32, 30*64), make([]float32, 30*64)
	require.Zero(t, testing.AllocsPerRun(50, func() { GemmInt8(30, a, 64, p, c, 64, nil) }))
}

// BenchmarkInt8 compares the products of the network, with packed weights.
func BenchmarkInt8(b *testing.B) {
	r := rand.New(rand.NewPCG(41, 42))
	for _, d := range [][3]int{{192, 288, 96}, {192, 384, 96}, {192, 96, 192}, {192, 96, 96}} {
		m, n, k := d[0], d[1], d[2]
		codes, scale := randomInt8(r, n, k)
		a, w, c := fill(r, make([]float32, m*k)), fill(r, make([]float32, k*n)), make([]float32, m*n)
		integers, floats := PackInt8(n, k, codes, scale), Pack(false, n, k, w, n)
		for name, f := range map[string]func(){
			"int8":    func() { GemmInt8(m, a, k, integers, c, n, nil) },
			"float32": func() { GemmPacked(m, a, k, floats, c, n, false, nil) },
		} {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", m, n, k, name), func(b *testing.B) {
				if name == "int8" && !useSIMD {
					b.Skip("no kernel for this processor")
				}
				for b.Loop() {
					f()
				}
				b.ReportMetric(2*float64(m*n*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gop/s")
			})
		}
	}
}
