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

// BenchmarkBankFields fits all variables of polynomial systems without noise, of which the monomials are
// sought.
func BenchmarkBankFields(b *testing.B) {
	for _, c := range []int{2, 3, 5} {
		b.Run(fmt.Sprintf("channels=%d", c), func(b *testing.B) {
			const rows = 128
			ring := func(_ float64, x, dx []float64) {
				for j := range x {
					next, last := x[(j+1)%c], x[(j+c-1)%c]
					dx[j] = x[j] - .7*x[j]*x[j]*x[j] + 1.2*next - .8*last*next + .1*float64(j)
				}
			}
			start := []float64{1, -.4, .3, .8, -1}
			times, x := rk4(ring, start[:c], 8, rows, c)
			values, origins := scaled(x, rows, c, rows), make([]float64, c)
			bank := NewBank()
			bank.UseOrigins(origins)
			b.ReportAllocs()
			for b.Loop() {
				bank.Fit(times, values, c, 2*times[rows-1])
			}
			if bank.run.flow.substeps == slopeSubsteps {
				b.Fatal("no field leads from row to row")
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
