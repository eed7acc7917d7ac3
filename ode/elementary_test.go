package ode

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode/asm"
)

func TestElementaryFunctions(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var worstExp, worstTanh, worstSin, worstCos float64
	for range 200000 {
		x := r.NormFloat64() * math.Exp(r.Float64()*14-6)
		worstSin = max(worstSin, math.Abs(sinFast(x)-math.Sin(x)))
		worstCos = max(worstCos, math.Abs(cosFast(x)-math.Cos(x)))
		s, c := sincosFast(x)
		worstSin = max(worstSin, math.Abs(s-math.Sin(x)))
		worstCos = max(worstCos, math.Abs(c-math.Cos(x)))
		// The kernels of networks are these functions.
		sine, tanh := [asm.StepLanes]float64{x}, [asm.StepLanes]float64{x}
		asm.Sin64(sine[:])
		asm.Tanh64(tanh[:])
		if !fusing {
			require.Equal(t, sinFast(x), sine[0])
			require.Equal(t, tanhFast(x), tanh[0])
		}
		worstSin = max(worstSin, math.Abs(sine[0]-math.Sin(x)))
		worstTanh = max(worstTanh, math.Abs(tanh[0]-math.Tanh(x)))
		worstTanh = max(worstTanh, math.Abs(tanhFast(x)-math.Tanh(x)))
		if math.Abs(x) < 690 {
			worstExp = max(worstExp, math.Abs(expFast(x)/math.Exp(x)-1))
		}
	}
	t.Logf("exp %.1e tanh %.1e sin %.1e cos %.1e", worstExp, worstTanh, worstSin, worstCos)
	require.Less(t, worstExp, 1e-12)
	require.Less(t, worstTanh, 1e-12)
	require.Less(t, worstSin, 1e-11)
	require.Less(t, worstCos, 1e-11)
	require.True(t, math.IsNaN(expFast(math.NaN())))
	require.True(t, math.IsNaN(tanhFast(math.NaN())))
	require.True(t, math.IsNaN(sinFast(math.NaN())))
	require.True(t, math.IsNaN(cosFast(math.Inf(1))))
	require.Greater(t, expFast(math.Inf(1)), 1e300)
	require.Equal(t, 1.0, tanhFast(math.Inf(1)))
	require.Equal(t, -1.0, tanhFast(math.Inf(-1)))
	require.Equal(t, 0.0, sinFast(0))
	require.Equal(t, 1.0, expFast(0))
}

func BenchmarkElementary(b *testing.B) {
	var x [256]float64
	r := rand.New(rand.NewPCG(1, 2))
	for i := range x {
		x[i] = 3 * r.NormFloat64()
	}
	for _, f := range []struct {
		name string
		f    func(float64) float64
	}{{"op=exp/impl=fast", expFast}, {"op=exp/impl=math", math.Exp}, {"op=tanh/impl=fast", tanhFast}, {"op=tanh/impl=math", math.Tanh},
		{"op=sin/impl=fast", sinFast}, {"op=sin/impl=math", math.Sin}, {"op=cos/impl=fast", cosFast}, {"op=cos/impl=math", math.Cos}} {
		b.Run(f.name, func(b *testing.B) {
			var s float64
			for b.Loop() {
				for _, v := range x {
					s += f.f(v)
				}
			}
			if s == 12345 {
				b.Fatal(s)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/elem")
		})
	}
}
