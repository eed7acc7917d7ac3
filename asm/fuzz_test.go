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
