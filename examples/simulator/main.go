// Command simulator embeds the engine in a co-simulation. A room is heated
// behind a thick wall; the wall, simulated in many layers, is the slow subsystem.
// Once the engine has seen enough of the wall's heat flow, it takes the wall over
// and the layers are not computed any more. As soon as its band has widened
// beyond what the room tolerates, the wall is taken back: its layers have
// forgotten all but their last hours, so these are computed anew against the
// recorded temperatures, and the simulation goes on as before.
//
//	go run ./examples/simulator
//
// The program prints every change of hands, and at the end what was saved and
// how far the room is from that of a simulation without the engine.
package main

import (
	"fmt"
	"io"
	"log"
	"math"
	"os"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/pretrained"
)

const (
	hour = 3600.0
	step = hour / 4
	days = 10

	layers       = 120  // of the wall; the finer, the slower
	diffusivity  = 7e-7 // m2/s
	conductivity = 1.1  // W/(m K)
	thickness    = 0.18 // m
	tolerance    = 3.0  // W/m2: the widest half of the band that the room bears
	learning     = 72.0 // hours seen before the engine is asked for the first time
	refresh      = 8.0  // hours simulated after the wall was taken back
	horizon      = 16.0 // hours asked of the engine
)

// memory is how long the wall remembers: five times the slowest decay of its
// layers, thickness^2 / (pi^2 diffusivity).
const memory = 5 * thickness * thickness / (math.Pi * math.Pi * diffusivity)

// wall is the slow subsystem: heat conduction through many layers.
type wall struct {
	temperature [layers]float64
	updates     int // of layers, the cost
}

// advance moves the wall on by one step and returns the heat flow into the room
// in W/m2.
func (w *wall) advance(inside, outside float64) float64 {
	const dx = thickness / layers
	substeps := int(math.Ceil(step * diffusivity / (dx * dx) / 0.4))
	r := step / float64(substeps) * diffusivity / (dx * dx)
	for range substeps {
		left := outside
		for i, now := range w.temperature {
			right := inside
			if i+1 < layers {
				right = w.temperature[i+1]
			}
			w.temperature[i] += r * (left - 2*now + right)
			left = now
		}
	}
	w.updates += substeps * layers
	return conductivity * (w.temperature[layers-1] - inside) / dx
}

// settle gives the wall the straight profile between two temperatures.
func (w *wall) settle(inside, outside float64) {
	for i := range w.temperature {
		w.temperature[i] = outside + (inside-outside)*(float64(i)+1)/(layers+1)
	}
}

// heat is the fast subsystem: the temperature of the room one step on, under a
// heater with a thermostat that acts smoothly.
func heat(temperature, flow float64) float64 {
	heater := 60 / (1 + math.Exp((temperature-20)/0.5))
	return temperature + step*(flow+heater)/60e3
}

// outdoors is the weather: days that grow warmer.
func outdoors(t float64) float64 {
	return 4 + 0.5*t/(24*hour) + 6*math.Sin(2*math.Pi*t/(24*hour))
}

// result is what a run of the program comes to.
type result struct {
	handovers, returns int
	saved              float64 // share of the updates of layers
	error              float64 // root mean square, of the room, in K
}

func simulate(out io.Writer) (result, error) {
	model, err := pretrained.Model()
	if err != nil {
		return result{}, err
	}
	session := model.NewSession()
	var fc lassode.Forecast
	const steps = days * 24 * int(hour/step)

	// The reference runs beside it, for the comparison at the end alone.
	var full, layered wall
	room, reference := 19.0, 19.0
	full.settle(reference, outdoors(0))
	layered.settle(room, outdoors(0))

	var r result
	rooms := make([]float64, 0, steps) // recorded, to compute the wall's last hours anew
	until, from := -1, 0               // steps: the engine has the wall up to until, since from
	next := int(learning * hour / step)
	ask := make([]float64, int(horizon*hour/step))
	square := 0.0
	for i := range steps {
		t := float64(i) * step
		reference = heat(reference, full.advance(reference, outdoors(t)))
		rooms = append(rooms, room)

		if i == until { // take the wall back
			first := max(0, i-int(math.Ceil(memory/step)))
			layered.settle(rooms[first], outdoors(float64(first)*step))
			for j := first; j < i; j++ {
				layered.advance(rooms[j], outdoors(float64(j)*step))
			}
			r.returns++
			fmt.Fprintf(out, "%5.1f h  the wall is taken back after %.1f h, and its last %.1f h computed anew\n", t/hour, float64(i-from)*step/hour, float64(i-first)*step/hour)
			until, next = -1, i+int(refresh*hour/step)
		}
		if until < 0 && i >= next { // may the engine have it?
			for j := range ask {
				ask[j] = t + float64(j)*step
			}
			if err := session.ForecastInto(&fc, ask); err != nil {
				return r, err
			}
			low, high := fc.Quantile(0.05), fc.Quantile(0.95)
			good := 0
			for good < len(ask) && high[good][0]-low[good][0] < 2*tolerance {
				good++
			}
			// Less than the wall's memory would not pay.
			if float64(good)*step > 1.2*memory {
				from, until = i, i+good
				r.handovers++
				fmt.Fprintf(out, "%5.1f h  the engine takes the wall for %.1f h, until its 90 %% band is ±%.1f W/m2 wide\n", t/hour, float64(good)*step/hour, tolerance)
			} else {
				next = i + int(hour/step) // ask again later
			}
		}

		var flow float64
		if until >= 0 {
			flow = fc.Mean[i-from][0]
		} else {
			flow = layered.advance(room, outdoors(t))
			if err := session.Observe(t, []float64{flow}); err != nil {
				return r, err
			}
		}
		room = heat(room, flow)
		square += (room - reference) * (room - reference)
	}
	r.saved = 1 - float64(layered.updates)/float64(full.updates)
	r.error = math.Sqrt(square / float64(steps))
	fmt.Fprintf(out, "in %d days the engine had the wall %d times: %.0f %% of its updates were saved,\nand the room differs by %.2f K from the full simulation (root mean square)\n", days, r.handovers, 100*r.saved, r.error)
	return r, nil
}

func main() {
	if _, err := simulate(os.Stdout); err != nil {
		log.Fatal(err)
	}
}
