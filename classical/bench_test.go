package classical

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func BenchmarkBankFit(b *testing.B) {
	for _, c := range []int{1, 3, 8} {
		for _, rows := range []int{64, 256} {
			b.Run(fmt.Sprintf("channels=%d/rows=%d", c, rows), func(b *testing.B) {
				times, values := benchData(rows, c)
				bank := NewBank()
				bank.Fit(times, values, c, 2*times[rows-1])
				b.ReportAllocs()
				for b.Loop() {
					bank.Fit(times, values, c, 2*times[rows-1])
				}
			})
		}
	}
}

// BenchmarkBankSlopes fits one channel of a system of two and a drive, which is fitted twice: alone,
// and with its slopes.
func BenchmarkBankSlopes(b *testing.B) {
	for _, rows := range []int{64, 256} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			for _, s := range testSystems() {
				if s.name != "ENSO recharge" {
					continue
				}
				times, x := rk4(s.f, s.x0, s.span*float64(rows)/400, rows, 1)
				values := scaled(x, rows, 1, rows)
				bank := NewBank()
				b.ReportAllocs()
				for b.Loop() {
					bank.Fit(times, values, 1, 1.5*times[rows-1])
				}
				b.ReportMetric(float64(bank.slots[0].group), "with_slopes")
			}
		})
	}
}

// BenchmarkBankNoisy fits noisy contexts of which half of the rows are missing.
func BenchmarkBankNoisy(b *testing.B) {
	for _, c := range []int{1, 3, 8} {
		for _, rows := range []int{64, 256} {
			b.Run(fmt.Sprintf("channels=%d/rows=%d", c, rows), func(b *testing.B) {
				r := rand.New(rand.NewPCG(1, 2))
				all, values := benchData(2*rows, c)
				var times, seen []float64
				for i, t := range all {
					if r.Float64() < 0.5 {
						continue
					}
					times = append(times, t)
					for _, v := range values[i*c : (i+1)*c] {
						seen = append(seen, v+0.05*r.NormFloat64())
					}
				}
				bank := NewBank()
				horizon := 2 * all[len(all)-1]
				bank.Fit(times, seen, c, horizon)
				b.ReportAllocs()
				for b.Loop() {
					bank.Fit(times, seen, c, horizon)
				}
			})
		}
	}
}
