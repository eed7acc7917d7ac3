// Command sensor is the loop of an edge device: readings of two sensors arrive
// one by one, some late, some broken; after each the device forecasts a minute
// ahead and raises an alarm before a limit is crossed. One [lassode.Session]
// keeps the memory of the loop.
//
//	go run ./examples/sensor
//
// With -model it reads its weights from a file, such as those that "lassode convert
// -precision int8" makes for small devices.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"os"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/pretrained"
)

// limit is the pressure, in bar, that must not be crossed.
const limit = 7.0

// reading makes the next readings: a pressure that swings with growing
// amplitude and the valve position that follows it, with noise. About one cell
// in ten is missing.
func reading(r *rand.Rand, t float64) []float64 {
	row := []float64{
		5 + 0.35*math.Exp(t/150)*math.Sin(t/6) + 0.02*r.NormFloat64(),
		50 + 6*math.Exp(t/150)*math.Sin(t/6-0.8) + 0.3*r.NormFloat64(),
	}
	for c := range row {
		if r.Float64() < 0.1 {
			row[c] = math.NaN()
		}
	}
	return row
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

func main() {
	file := flag.String("model", "", "weights `file` (default: the built-in weights)")
	flag.Parse()
	model, err := load(*file)
	if err != nil {
		log.Fatal(err)
	}
	session := model.NewSession()
	r := rand.New(rand.NewPCG(1, 2))
	var fc lassode.Forecast // filled again and again, without new memory
	at := make([]float64, 12)

	for t, beat := 0.0, 0; t < 400; beat++ {
		t += 1 + r.Float64() // irregular
		stamp := t
		if beat%40 == 39 {
			stamp -= 5 // a late message
		}
		if err := session.Observe(stamp, reading(r, stamp)); err != nil {
			var bad *lassode.InputError
			if !errors.As(err, &bad) {
				log.Fatal(err)
			}
			fmt.Printf("%6.1f s  dropped a reading: %s is %s\n", t, bad.Field, bad.Got)
			continue
		}
		if beat < 30 || beat%10 != 0 {
			continue // listen first, then look ahead now and then
		}
		for i := range at {
			at[i] = t + 5*float64(i+1)
		}
		if err := session.ForecastInto(&fc, at); err != nil {
			log.Fatal(err)
		}
		// The alarm goes by the upper quantile: one chance in ten is enough.
		peak, when := math.Inf(-1), 0.0
		for i, row := range fc.Quantile(0.9) {
			if row[0] > peak {
				peak, when = row[0], at[i]
			}
		}
		state := "ok"
		if peak > limit {
			state = fmt.Sprintf("ALARM: %.0f %% or more above %g bar near %.0f s", 10.0, limit, when)
		}
		fmt.Printf("%6.1f s  pressure within the next minute: below %.2f bar with 90 %%  %s\n", t, peak, state)
	}
}
