package ode

import (
	"bytes"
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode"
)

// memoryFile is a file in memory.
type memoryFile struct{ *bytes.Reader }

func (memoryFile) Close() error { return nil }

// BenchmarkStreaming compares training from a collection on disk, the folder
// LASSODE_COLLECTION, with training from the same bytes in memory, which must hold
// them. (A slice of Series would take three times as much, and the garbage
// collector would look through all its rows.) Two runs of the default
// configuration make their steps in turn, so that whatever else the machine does
// hits both; the losses are the same, bit for bit.
func BenchmarkStreaming(b *testing.B) {
	dir := os.Getenv("LASSODE_COLLECTION")
	if dir == "" {
		b.Skip("LASSODE_COLLECTION names no collection")
	}
	disk, err := OpenCollection(dir)
	require.NoError(b, err)
	defer disk.Close()
	memory, err := OpenCollection(dir)
	require.NoError(b, err)
	defer memory.Close()
	for i, r := range memory.shards {
		content := make([]byte, memory.manifest.Shards[i].Bytes)
		require.NoError(b, r.read(content, 0))
		require.NoError(b, r.file.Close())
		r.file = memoryFile{bytes.NewReader(content)}
	}
	const warm = 3 // steps in which buffers grow
	steps := b.N + warm
	turn := [2]chan bool{make(chan bool, 1), make(chan bool, 1)}
	var times [2][]time.Duration
	var losses [2][]float64
	ended := make(chan error, 2)
	for k, src := range []lassode.Source{disk, memory} {
		go func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			<-turn[k]
			start := time.Now()
			_, err := lassode.Pretrain(ctx, lassode.DefaultConfig(), src, lassode.TrainOptions{Steps: 1 << 20, Seed: 1, Progress: func(p lassode.Progress) {
				times[k] = append(times[k], time.Since(start))
				losses[k] = append(losses[k], p.Loss)
				if p.Step == steps {
					cancel()
				}
				turn[1-k] <- true
				if p.Step < steps {
					<-turn[k]
				}
				start = time.Now()
			}})
			if ctx.Err() != nil {
				err = nil
			}
			ended <- err
		}()
	}
	turn[0] <- true
	require.NoError(b, <-ended)
	require.NoError(b, <-ended)
	require.Equal(b, losses[0], losses[1])
	var sum [2]time.Duration
	ratio := make([]float64, b.N)
	for i := range ratio {
		sum[0] += times[0][warm+i]
		sum[1] += times[1][warm+i]
		ratio[i] = float64(times[1][warm+i]) / float64(times[0][warm+i])
	}
	slices.Sort(ratio)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(sum[0].Seconds()*1e3/float64(b.N), "disk-ms/step")
	b.ReportMetric(sum[1].Seconds()*1e3/float64(b.N), "memory-ms/step")
	b.ReportMetric(100*ratio[len(ratio)/2], "%speed-median")
	b.ReportMetric(100*float64(sum[1])/float64(sum[0]), "%speed-mean")
}

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
