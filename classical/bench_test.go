package classical

import (
	"fmt"
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
