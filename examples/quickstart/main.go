// Command quickstart is the program of the README: the smallest that forecasts.
//
//	go run ./examples/quickstart
package main

import (
	"fmt"
	"log"
	"math"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/pretrained"
)

func main() {
	model, err := pretrained.Model()
	if err != nil {
		log.Fatal(err)
	}
	var s lassode.Series
	for i := range 60 {
		t := 0.1 * float64(i)
		s.Times = append(s.Times, t)
		s.Values = append(s.Values, []float64{math.Sin(2 * t), math.NaN()}) // NaN = not observed
		if i%3 == 0 {
			s.Values[i][1] = math.Cos(2 * t)
		}
	}
	fc, err := model.Forecast(s, []float64{6.5, 7, 8})
	if err != nil {
		log.Fatal(err)
	}
	low, high := fc.Quantile(0.1), fc.Quantile(0.9)
	for i, t := range fc.Times {
		fmt.Println(t, fc.Mean[i], low[i], high[i], fc.Rate[i])
	}
}
