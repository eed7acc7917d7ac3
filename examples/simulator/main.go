// Command simulator embeds the engine in a simulation: an expensive part of a
// plant is simulated for a while, then replaced by the model's forecast of it,
// and the simulation goes on without calling the expensive part.
//
// The plant is a heated room behind a thick wall. The wall's heat flow is the
// expensive part. The program prints how far the surrogate drifts from the
// full simulation, and whether the truth stays inside the model's 90 % band.
//
//	go run ./examples/simulator
package main

import (
	"fmt"
	"log"
	"math"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/pretrained"
)

// layers of the wall; the finer, the more expensive.
const layers = 200

// wall is the expensive component: heat conduction through many layers.
type wall struct{ temperature [layers]float64 }

// step advances the wall and returns the heat flow into the room in W/m2.
func (w *wall) step(dt, inside, outside float64) float64 {
	const diffusivity, conductivity, thickness = 7e-7, 1.1, 0.25
	dx := thickness / layers
	substeps := int(math.Ceil(dt * diffusivity / (dx * dx) / 0.4))
	h := dt / float64(substeps)
	for range substeps {
		left := outside
		for i := range w.temperature {
			right := inside
			if i+1 < layers {
				right = w.temperature[i+1]
			}
			now := w.temperature[i]
			w.temperature[i] += h * diffusivity / (dx * dx) * (left - 2*now + right)
			left = now
		}
	}
	return conductivity * (w.temperature[layers-1] - inside) / dx
}

// room is the cheap component: its temperature under a heater with a
// thermostat that acts smoothly.
func room(dt, temperature, flow float64) float64 {
	heater := 60 / (1 + math.Exp((temperature-20)/0.5))
	return temperature + dt*(flow+heater)/40e3
}

// outdoors is the weather: a daily cycle.
func outdoors(t float64) float64 { return 5 + 6*math.Sin(2*math.Pi*t/86400) }

func main() {
	const dt, day = 600.0, 86400.0
	model, err := pretrained.Model()
	if err != nil {
		log.Fatal(err)
	}

	// Four days of the full simulation; the first two are what the model sees.
	var w wall
	for i := range w.temperature {
		w.temperature[i] = 5 + 14*float64(i)/layers
	}
	inside := 19.0
	var seen lassode.Series
	var future, truth []float64
	var handover float64 // the room's temperature when the surrogate takes over
	seen.Names = []string{"wall heat flow"}
	for i := range int(4 * day / dt) {
		t := float64(i) * dt
		flow := w.step(dt, inside, outdoors(t))
		inside = room(dt, inside, flow)
		switch {
		case t < 2*day:
			seen.Times = append(seen.Times, t)
			seen.Values = append(seen.Values, []float64{flow})
			handover = inside
		default:
			future = append(future, t)
			truth = append(truth, flow)
		}
	}

	fc, err := model.Forecast(seen, future)
	if err != nil {
		log.Fatal(err)
	}
	low, high := fc.Quantile(0.05), fc.Quantile(0.95)

	// The simulation again from the handover, with the forecast as the wall.
	fmt.Println("hour   wall, full   wall, surrogate        90 % band   room, surrogate")
	inside, covered, square := handover, 0, 0.0
	for i, t := range future {
		flow := fc.Mean[i][0]
		inside = room(dt, inside, flow)
		square += (flow - truth[i]) * (flow - truth[i])
		if truth[i] >= low[i][0] && truth[i] <= high[i][0] {
			covered++
		}
		if i%36 == 0 {
			fmt.Printf("%4.0f   %10.2f   %15.2f   %7.2f..%-7.2f   %15.2f\n", t/3600, truth[i], flow, low[i][0], high[i][0], inside)
		}
	}
	n := float64(len(future))
	fmt.Printf("root mean square error of the heat flow %.2f W/m2; %.0f %% of the truth inside the band\n", math.Sqrt(square/n), 100*float64(covered)/n)
}
