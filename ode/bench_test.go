package ode

import "testing"

// BenchmarkLorenz63 integrates 100 time units with 1000 outputs and rtol 1e-6,
// as bench/peers/lorenz_scipy.py does.
func BenchmarkLorenz63(b *testing.B) {
	lorenz := func(_ float64, x, dx []float64) {
		_ = dx[2]
		dx[0] = 10 * (x[1] - x[0])
		dx[1] = x[0]*(28-x[2]) - x[1]
		dx[2] = x[0]*x[1] - 8./3*x[2]
	}
	times := make([]float64, 1000)
	for i := range times {
		times[i] = .1 * float64(i+1)
	}
	x0, dst := []float64{1, 1, 1}, make([]float64, 3*len(times))
	var w Integrator
	var st Stats
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if st, err = w.Solve(dst, lorenz, x0, 0, times, Options{RTol: 1e-6, ATol: 1e-8}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "trajectories/s")
	b.ReportMetric(float64(st.Evaluations), "evaluations")
	b.ReportMetric(float64(st.Steps), "steps")
}
