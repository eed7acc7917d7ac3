package lassode

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lassode/lassode/optim"
)

// RaceEnabled is for the tests of package lassode_test.
const RaceEnabled = raceEnabled

// benchModel has the shape of the embedded model; its weights do not matter
// for time.
func benchModel() *Model {
	net := newNetwork(DefaultConfig())
	net.initialise(1)
	return &Model{net: net, calibration: defaultCalibration()}
}

// BenchmarkForecast measures one forecast of 128 later times on one core, in a
// session whose memory is warm: after a new row, which is encoded with all
// others, and again while the observations stand.
func BenchmarkForecast(b *testing.B) {
	m := benchModel()
	for _, channels := range []int{1, 3, 8} {
		for _, rows := range []int{64, 256} {
			s := sine(rows, channels)
			var at []float64
			for i := range 128 {
				at = append(at, s.Times[rows-1]*(1+float64(i+1)/128))
			}
			for _, fresh := range []bool{true, false} {
				b.Run(fmt.Sprintf("channels=%d/rows=%d/newrow=%v", channels, rows, fresh), func(b *testing.B) {
					sess := m.NewSession()
					for i, t := range s.Times {
						if err := sess.Observe(t, s.Values[i]); err != nil {
							b.Fatal(err)
						}
					}
					var f Forecast
					if err := sess.ForecastInto(&f, at); err != nil { // the memory grows
						b.Fatal(err)
					}
					b.ReportAllocs()
					last := append([]float64(nil), s.Values[rows-1]...)
					for i := 0; b.Loop(); i++ {
						if fresh { // the last row in another value: the same work at any count
							last[0] = s.Values[rows-1][0] + 1e-9*float64(i%2+1)
							if err := sess.Observe(s.Times[rows-1], last); err != nil {
								b.Fatal(err)
							}
						}
						if err := sess.ForecastInto(&f, at); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}

// BenchmarkPlan measures the answer to a new plan: 160 rows of an input behind 240 of two
// channels that it drives and itself, of which one changes, and these channels at all of them.
func BenchmarkPlan(b *testing.B) {
	s, _ := planned(1, 400, 240, 0)
	sess := benchModel().NewSession()
	observe(b, sess, s)
	var f Forecast
	for i := 0; b.Loop(); i++ {
		if err := sess.Observe(s.Times[300], []float64{math.NaN(), math.NaN(), .5 + .1*float64(i%2)}); err != nil {
			b.Fatal(err)
		}
		if err := sess.ForecastInto(&f, s.Times[240:]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFirstForecast measures a call of Model.Forecast, which makes its memory
// anew: 128 later times from 256 rows of 3 channels, with segments.
func BenchmarkFirstForecast(b *testing.B) {
	m := benchModel()
	s := sine(256, 3)
	var at []float64
	for i := range 128 {
		at = append(at, s.Times[255]*(1+float64(i+1)/128))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Forecast(s, at); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLive measures a new row and a forecast of 128 later times, again and
// again, on one core: 3 channels, the last 256 rows being the context.
func BenchmarkLive(b *testing.B) {
	m := benchModel()
	for _, hold := range []float64{0, 1. / 32, 1. / 16} {
		b.Run(fmt.Sprintf("hold=%.3f", hold), func(b *testing.B) {
			sess, err := m.NewSessionWith(SessionOptions{Rows: 256, Hold: hold})
			if err != nil {
				b.Fatal(err)
			}
			const period = 4096
			s := sine(period, 3)
			at := make([]float64, 128)
			var f Forecast
			encoded, n := 0, 0
			step := func() {
				t := s.Times[n%period] + .1*period*float64(n/period)
				if err := sess.Observe(t, s.Values[n%period]); err != nil {
					b.Fatal(err)
				}
				n++
				if n < 256 {
					return
				}
				for i := range at {
					at[i] = t + .1*float64(i+1)
				}
				if err := sess.ForecastInto(&f, at); err != nil {
					b.Fatal(err)
				}
				if sess.fresh == 0 {
					encoded++
				}
			}
			for n < 300 {
				step()
			}
			b.ReportAllocs()
			encoded = 0
			for b.Loop() {
				step()
			}
			b.ReportMetric(float64(encoded)/float64(b.N), "encodings/op")
		})
	}
}

// BenchmarkPrecision measures a new row and a forecast of 128 later times from 256
// rows of 3 channels with weights as Load reads them at each precision.
func BenchmarkPrecision(b *testing.B) {
	m := benchModel()
	m.provenance.FormatVersion = formatVersion
	s := sine(256, 3)
	var at []float64
	for i := range 128 {
		at = append(at, s.Times[255]*(1+float64(i+1)/128))
	}
	for _, p := range []Precision{Float32, BFloat16, Int8} {
		b.Run(p.String(), func(b *testing.B) {
			var file bytes.Buffer
			if err := m.Save(&file, p); err != nil {
				b.Fatal(err)
			}
			size := file.Len()
			loaded, err := Load(&file)
			if err != nil {
				b.Fatal(err)
			}
			sess := loaded.NewSession()
			var f Forecast
			step := func(i int) {
				if err := sess.Observe(s.Times[i], s.Values[i]); err != nil {
					b.Fatal(err)
				}
			}
			for i := range s.Times {
				step(i)
			}
			for range 2 {
				if err := sess.ForecastInto(&f, at); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				step(255)
				if err := sess.ForecastInto(&f, at); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(size)/1e6, "MB/file")
		})
	}
}

// BenchmarkForecastBatch measures 1,000 tasks of 64 rows and 32 later times at
// a time.
func BenchmarkForecastBatch(b *testing.B) {
	m := benchModel()
	var tasks []Task
	for i := range 1000 {
		s := sine(64, 1+i%3)
		t := Task{Series: s}
		for j := range 32 {
			t.At = append(t.At, s.Times[63]*(1+float64(j+1)/32))
		}
		tasks = append(tasks, t)
	}
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			for b.Loop() {
				m.ForecastBatch(tasks, workers)
			}
			b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
		})
	}
}

// late is a source whose trajectories come from a slow disk.
type late struct {
	Source
	wait time.Duration
}

func (l late) At(i int) (Series, error) {
	time.Sleep(l.wait)
	return l.Source.At(i)
}

// BenchmarkTrainingStep measures one step of pretraining, the fitting of
// guides included, on one and two goroutines, and, with trajectories that come
// two milliseconds late each, on two and on the default number.
func BenchmarkTrainingStep(b *testing.B) {
	for _, c := range []struct {
		workers int
		wait    time.Duration
	}{{1, 0}, {2, 0}, {2, 2 * time.Millisecond}, {0, 2 * time.Millisecond}} {
		b.Run(fmt.Sprintf("late=%v/workers=%d", c.wait, c.workers), func(b *testing.B) {
			net := newNetwork(DefaultConfig())
			net.initialise(1)
			var src Source = oscillators(300)
			if c.wait > 0 {
				src = late{src, c.wait}
			}
			tr := newTrainer(net, src, newTaskOptions(src, 0, 300), TrainOptions{Batch: 4096, Workers: c.workers}, net.groups(1), optim.Schedule{})
			systems := 0
			for b.Loop() {
				_, _, n, err := tr.runStep()
				if err != nil {
					b.Fatal(err)
				}
				systems += n
			}
			b.ReportMetric(float64(systems)/b.Elapsed().Seconds(), "trajectories/s")
		})
	}
}

// BenchmarkTape measures forward and backward of one shard without drawing
// tasks or fitting guides.
func BenchmarkTape(b *testing.B) {
	net := newNetwork(DefaultConfig())
	net.initialise(1)
	src := oscillators(300)
	tr := newTrainer(net, src, newTaskOptions(src, 0, 300), TrainOptions{Batch: 4096}, net.groups(1), optim.Schedule{})
	w := tr.workers[0]
	if err := w.draw(rand.New(rand.NewPCG(1, 1)), net.cfg, src, tr.opt, 512); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		w.learn(net, w.tape, &w.enc, 1)
	}
}
