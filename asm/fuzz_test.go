package asm

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

// FuzzMaps feeds arbitrary bit patterns to every element-wise kernel, on every tier.
func FuzzMaps(f *testing.F) {
	b := make([]byte, 4*len(specials))
	for i, v := range specials {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(v))
	}
	f.Add(uint8(0), uint8(1), b)
	for i := range mapCases() {
		f.Add(uint8(i), uint8(i), b[4*i:])
	}
	f.Fuzz(func(t *testing.T, which, offset uint8, data []byte) {
		cases := mapCases()
		c := cases[int(which)%len(cases)]
		rows := max(1, c.ins+c.outs)
		n := min(len(data)/4/rows, 300)
		all := make([][]float32, rows)
		for j := range all {
			all[j] = make([]float32, n)
			for i := range all[j] {
				all[j][i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*(j*n+i):]))
			}
		}
		eachTier(t, func(string) { checkMap(t, c, all[:c.ins], all[c.ins:], int(offset%4)) })
	})
}

// FuzzGemm tries shapes and strides.
func FuzzGemm(f *testing.F) {
	f.Add(uint8(3), uint8(17), uint8(9), uint8(2), uint64(1))
	f.Add(uint8(13), uint8(70), uint8(65), uint8(0), uint64(2))
	f.Fuzz(func(t *testing.T, m, n, k, pad uint8, seed uint64) {
		eachTier(t, func(tier string) {
			gemmOnce(t, rand.New(rand.NewPCG(seed, 0)), tier, int(m%40), int(n%100), int(k%80), int(pad%5))
		})
	})
}

// FuzzStacks feeds arbitrary bit patterns to the kernels on stacks of matrices: each lane
// is the product of single matrices, whatever its neighbours hold.
func FuzzStacks(f *testing.F) {
	f.Add(uint8(2), uint64(1), []byte{0, 0, 128, 63, 0, 0, 192, 127, 0, 0, 128, 255})
	f.Add(uint8(16), uint64(2), []byte{255, 255, 127, 127, 1, 0, 0, 0})
	f.Add(uint8(9), uint64(3), []byte(nil))
	f.Fuzz(func(t *testing.T, order uint8, seed uint64, wild []byte) {
		n := int(order)%17 + 1
		eachTier(t, func(tier string) {
			r := rand.New(rand.NewPCG(seed, 9))
			lanes, nn := StackLanes(n), n*n
			src := floats(r, lanes*nn)
			for i := 0; i < nn && 4*i+4 <= len(wild); i++ {
				src[nn*(lanes/2)+i] = math.Float32frombits(binary.LittleEndian.Uint32(wild[4*i:]))
			}
			var at [MaxStackLanes]int32
			for l := range at {
				at[l] = int32(l % lanes)
			}
			a, c := make([]float32, lanes*nn), make([]float32, lanes*nn)
			got, norm := make([]float32, lanes*nn), make([]float32, lanes)
			StackLoad(a, src, &at, n, 1)
			StackMul(c, a, a, a, n)
			StackStore(got, c, &at, n)
			RowsNorm(norm, src, n)
			for l := range lanes {
				x := src[l*nn:][:nn]
				top, finite := 0.0, true
				for j := range n {
					sum := 0.0
					for i := range n {
						sum += math.Abs(float64(x[i*n+j]))
						want, scale := float64(x[i*n+j]), math.Abs(float64(x[i*n+j]))
						for k := range n {
							want += float64(x[i*n+k]) * float64(x[k*n+j])
							scale += math.Abs(float64(x[i*n+k]) * float64(x[k*n+j]))
						}
						finite = finite && x[i*n+j]-x[i*n+j] == 0
						if !(scale < 1e38) {
							continue // may overflow on the way
						}
						if y := float64(got[l*nn+i*n+j]); !close64(y, want, 1e-6*scale+0x1p-140) {
							t.Fatalf("%s order %d lane %d: product %g, want %g", tier, n, l, y, want)
						}
					}
					top = max(top, sum)
				}
				if v := float64(norm[l]); finite && top < 1e36 && !close64(v, top, 1e-6*top+0x1p-140) || !finite && v == v {
					t.Fatalf("%s order %d lane %d: norm %g, want %g", tier, n, l, v, top)
				}
			}
		})
	})
}
