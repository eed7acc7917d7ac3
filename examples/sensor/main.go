// Command sensor is the loop of an edge device, such as a board with an ARM
// processor and 512 MB of memory: readings of two sensors arrive one by one, some
// late, some missing, some broken; the device forecasts a minute ahead and raises
// an alarm before a limit is crossed. One [lassode.Session] keeps the memory of
// the loop, and knows that pressures are not negative and valves open from 0 to
// 100 %.
//
//	go run ./examples/sensor
//	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -trimpath -ldflags "-s -w" ./examples/sensor
//
// The second line makes a static binary for the board. With -memory the program
// says at the end how much memory it took; with -model it reads its weights from a
// file, such as those that "lassode convert -precision int8" makes for small
// devices.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/pretrained"
)

// limit is the pressure, in bar, that must not be crossed.
const limit = 7.0

// pressure is that of the plant at time t: it swings with growing amplitude.
func pressure(t float64) float64 { return 5 + 0.35*math.Exp(t/150)*math.Sin(t/6) }

// reading makes the next readings: the pressure and the position of the valve
// that follows it, in per cent, with noise. About one cell in ten is missing.
func reading(r *rand.Rand, t float64) []float64 {
	valve := 50 + 6*math.Exp(t/150)*math.Sin(t/6-0.8)
	row := []float64{
		pressure(t) + 0.02*r.NormFloat64(),
		min(max(valve, 0), 100) + 0.3*r.NormFloat64(),
	}
	for c := range row {
		if r.Float64() < 0.1 {
			row[c] = math.NaN()
		}
	}
	return row
}

// report counts what a run of the loop did.
type report struct {
	readings, dropped, forecasts, alarms int
	first                                float64 // time of the first alarm
}

// loop runs for so many seconds of the plant.
func loop(out io.Writer, model *lassode.Model, seconds float64) (report, error) {
	var n report
	session := model.NewSession()
	if err := session.Constrain(&lassode.Constraints{
		Lower:     []float64{0, 0},
		Upper:     []float64{math.Inf(1), 100},
		Tolerance: []float64{0.1, 1.5}, // the noise of the sensors
	}); err != nil {
		return n, err
	}
	r := rand.New(rand.NewPCG(1, 2))
	var fc lassode.Forecast // filled again and again, without new memory
	at := make([]float64, 12)

	for t, beat := 0.0, 0; t < seconds; beat++ {
		t += 1 + r.Float64() // irregular
		stamp := t
		if beat%40 == 39 {
			stamp -= 5 // a late message
		}
		row := reading(r, stamp)
		if beat%70 == 69 {
			row[0] = -32.768 // a broken one
		}
		n.readings++
		if err := session.Observe(stamp, row); err != nil {
			var bad *lassode.InputError
			if !errors.As(err, &bad) {
				return n, err
			}
			n.dropped++
			fmt.Fprintf(out, "%6.1f s  dropped a reading: %s is %s\n", t, bad.Field, bad.Got)
			continue
		}
		if beat < 30 || beat%10 != 0 {
			continue // listen first, then look ahead now and then
		}
		for i := range at {
			at[i] = t + 5*float64(i+1)
		}
		if err := session.ForecastInto(&fc, at); err != nil {
			return n, err
		}
		n.forecasts++
		// The alarm goes by the upper quantile: one chance in ten is enough.
		peak, when := math.Inf(-1), 0.0
		for i, row := range fc.Quantile(0.9) {
			if row[0] > peak {
				peak, when = row[0], at[i]
			}
		}
		state := "ok"
		if peak > limit {
			if n.alarms++; n.alarms == 1 {
				n.first = t
			}
			state = fmt.Sprintf("ALARM: above %g bar with 10 %% or more near %.0f s", limit, when)
		}
		fmt.Fprintf(out, "%6.1f s  pressure within the next minute: below %.2f bar with 90 %%  %s\n", t, peak, state)
	}
	return n, nil
}

// load reads the weights of a file, or the built-in ones.
func load(file string) (*lassode.Model, error) {
	if file == "" {
		return pretrained.Model()
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return lassode.Load(f)
}

// printMemory says what the operating system and Go's allocator have given.
func printMemory(out io.Writer) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Fprintf(out, "memory: Go %.1f MB, heap in use %.1f MB", float64(m.Sys)/1e6, float64(m.HeapInuse)/1e6)
	if status, err := os.ReadFile("/proc/self/status"); err == nil { // Linux
		for line := range strings.Lines(string(status)) {
			if peak, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				fmt.Fprintf(out, ", peak resident %s", strings.TrimSpace(peak))
			}
		}
	}
	fmt.Fprintln(out)
}

func main() {
	file := flag.String("model", "", "weights `file` (default: the built-in weights)")
	seconds := flag.Float64("seconds", 400, "how long the plant runs")
	memory := flag.Bool("memory", false, "say at the end how much memory it took")
	flag.Parse()
	model, err := load(*file)
	if err != nil {
		log.Fatal(err)
	}
	n, err := loop(os.Stdout, model, *seconds)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d readings, %d dropped, %d forecasts, %d alarms\n", n.readings, n.dropped, n.forecasts, n.alarms)
	if *memory {
		printMemory(os.Stdout)
	}
}
