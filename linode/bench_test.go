package linode

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/lassode/lassode/asm"
	"github.com/lassode/lassode/tensor"
)

// BenchmarkPairsTokens measures the readout of tokens of 8 pairs at 32 times, forward and
// with the backward pass.
func BenchmarkPairsTokens(b *testing.B) {
	const n, pairs, queries = 4096, 8, 32
	r := rand.New(rand.NewPCG(1, 1))
	for _, pass := range []string{"forward", "forward+backward"} {
		b.Run(fmt.Sprintf("pass=%s/impl=%s/pairs=%d/queries=%d", pass, asm.Tier(), pairs, queries), func(b *testing.B) {
			tape := tensor.NewTape(nil, pass != "forward")
			var in [6]*tensor.Tensor
			fill := func() {
				for i, s := range [][]int{{n, pairs}, {n, pairs}, {n, 2 * pairs}, {n, 2 * pairs}, {2 * pairs}, {n, queries}} {
					if i < 5 && pass != "forward" {
						in[i] = tape.Variable(s...)
					} else {
						in[i] = tape.New(s...)
					}
				}
			}
			fill()
			vals := make([][]float32, 6)
			for i := range vals {
				vals[i] = make([]float32, len(in[i].Data))
				for k := range vals[i] {
					switch i {
					case 0:
						vals[i][k] = -5 * r.Float32()
					case 5:
						vals[i][k] = r.Float32()
					default:
						vals[i][k] = float32(r.NormFloat64()) * 2
					}
				}
			}
			spent := int64(0)
			for b.Loop() {
				b.StopTimer()
				tape.Reset()
				fill()
				for i := range in {
					copy(in[i].Data, vals[i])
				}
				b.StartTimer()
				start := b.Elapsed()
				y := PairsReadout(tape, in[0], in[1], in[2], in[3], in[4], in[5])
				if pass != "forward" {
					tape.Backward(tape.SumAll(y))
				}
				spent += int64(b.Elapsed() - start)
			}
			b.ReportMetric(float64(spent)/float64(b.N)/n/1e3, "us/token")
			b.ReportMetric(float64(spent)/float64(b.N)/n/pairs/queries, "ns/elem")
		})
	}
}

// BenchmarkDenseStates measures the dense form with its backward pass, at norms of about 1
// (float32) and of about 10 (float64).
func BenchmarkDenseStates(b *testing.B) {
	const n, queries = 64, 8
	for _, order := range []int{4, 8, 16} {
		for _, norm := range []float32{1, 10} {
			b.Run(fmt.Sprintf("pass=forward+backward/impl=%s/d=%d/norm=%g", asm.Tier(), order, norm), func(b *testing.B) {
				r := rand.New(rand.NewPCG(1, 1))
				tape := tensor.NewTape(nil, true)
				for b.Loop() {
					tape.Reset()
					a, z, d, tau := tape.Variable(n, order, order), tape.Variable(n, order), tape.Variable(n, order), tape.New(n, queries)
					tensor.NormalInto(r, a.Data, float64(norm)/float64(order))
					for i := range tau.Data {
						tau.Data[i] = 0.5 + 0.1*float32(i%queries)
					}
					tape.Backward(tape.SumAll(DenseStates(tape, a, z, d, tau)))
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n/queries/1e3, "us/query")
			})
		}
	}
}

// BenchmarkEvalPairs measures one token of 8 pairs, value and rate.
func BenchmarkEvalPairs(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	const pairs = 8
	v := make([]float32, 8*pairs)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	for _, queries := range []int{1, 32} {
		b.Run(fmt.Sprintf("impl=%s/pairs=%d/queries=%d", asm.Tier(), pairs, queries), func(b *testing.B) {
			y, rate, tau := make([]float32, queries), make([]float32, queries), make([]float32, queries)
			for i := range tau {
				tau[i] = float32(i) / 32
			}
			for b.Loop() {
				EvalPairs(y, rate, v[:pairs], v[pairs:2*pairs], v[2*pairs:4*pairs], v[4*pairs:6*pairs], v[6*pairs:], tau)
			}
		})
	}
}
