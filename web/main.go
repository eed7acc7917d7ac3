//go:build js && wasm

// Command web is the engine behind the page in the browser. It runs in a
// worker, holds one series, and answers with JSON:
//
//	lassode.load(name, text)        the series of a CSV file
//	lassode.forecast(rows, ahead)   the forecast from its first rows
//	lassode.save(rows, ahead)       the same forecast as a CSV file
//
// rows is how many rows are seen, ahead how far the forecast goes beyond the
// last row, as a share of the whole span. Every answer is an object of which
// the field error is set where something went wrong. `go run ./web/build`
// makes the page.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"syscall/js"
	"time"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/internal/csv"
	"github.com/lassode/lassode/pretrained"
)

// Limits of the page: it draws every channel and forecasts at every move of
// the slider. The command takes far more.
const (
	maxChannels = 12
	maxRows     = 20000
)

// drawn is the number of steps of the curves.
const drawn = 240

// compared bounds the number of rows at which the forecast is compared with
// the data.
const compared = 600

// shownModes is the number of modes of a window in the answer.
const shownModes = 3

// levels are the edges of the 95 % and the 80 % band.
var levels = []float64{0.025, 0.1, 0.9, 0.975}

// held is the loaded series, heldClock that of its file.
var (
	held      lassode.Series
	heldClock csv.Clock
)

func main() {
	model, err := pretrained.Model()
	if err != nil {
		panic(err) // the weights are part of this program
	}
	answer := func(f func(args []js.Value) (any, error)) js.Func {
		return js.FuncOf(func(_ js.Value, args []js.Value) any {
			v, err := f(args)
			if err != nil {
				v = struct {
					Error string `json:"error"`
				}{message(err)}
			}
			b, err := json.Marshal(v)
			if err != nil {
				panic(err)
			}
			return string(b)
		})
	}
	js.Global().Set("lassode", map[string]any{
		"load":     answer(func(args []js.Value) (any, error) { return load(args[0].String(), args[1].String()) }),
		"forecast": answer(func(args []js.Value) (any, error) { return show(model, args[0].Int(), args[1].Float()) }),
		"save":     answer(func(args []js.Value) (any, error) { return save(model, args[0].Int(), args[1].Float()) }),
	})
	js.Global().Call("lassodeReady", model.Info().Parameters)
	select {}
}

// message words an error for the page: fields of the series are named as in
// its file.
func message(err error) string {
	var input *lassode.InputError
	if errors.As(err, &input) && strings.HasPrefix(input.Field, "Values") {
		return fmt.Sprintf("the rows seen hold no observation (%s, want %s)", input.Got, input.Want)
	}
	return strings.TrimPrefix(err.Error(), "lassode: ")
}

// numbers is written with null for what is not finite.
type numbers []float64

// MarshalJSON implements json.Marshaler.
func (n numbers) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 8+20*len(n)), '[')
	for i, v := range n {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			b = append(b, "null"...)
			continue
		}
		b = csv.AppendNumber(b, v)
	}
	return append(b, ']'), nil
}

// series is a series by channel.
type series struct {
	Names  []string  `json:"names"`
	Times  numbers   `json:"times"`
	Values []numbers `json:"values"`
}

func load(name, text string) (any, error) {
	s, clock, err := csv.ReadSeries(strings.NewReader(text), name)
	switch {
	case err != nil:
		return nil, err
	case len(s.Names) > maxChannels:
		return nil, fmt.Errorf("%s has %d channels, this page takes at most %d; the command takes %d", name, len(s.Names), maxChannels, lassode.MaxChannels)
	case len(s.Times) > maxRows:
		return nil, fmt.Errorf("%s has %d rows, this page takes at most %d; the command takes %d", name, len(s.Times), maxRows, lassode.MaxRows)
	case len(s.Times) < 2:
		return nil, fmt.Errorf("%s has one row, want at least two", name)
	}
	held, heldClock = s, clock
	out := series{Names: s.Names, Times: s.Times, Values: make([]numbers, len(s.Names))}
	for c := range s.Names {
		for _, row := range s.Values {
			out.Values[c] = append(out.Values[c], row[c])
		}
	}
	return out, nil
}

// mode is a part of the dynamics of a window.
type mode struct {
	Growth    float64 `json:"growth"`
	Frequency float64 `json:"frequency"`
	Amplitude float64 `json:"amplitude"`
}

// window is a window of a channel with its strongest modes.
type window struct {
	Start    float64 `json:"start"`
	End      float64 `json:"end"`
	Observed bool    `json:"observed"`
	Modes    []mode  `json:"modes"`
}

// channel is the forecast of one channel.
type channel struct {
	Mean     numbers   `json:"mean"`     // at Times
	Bands    []numbers `json:"bands"`    // at Times, one for each of levels
	Residual numbers   `json:"residual"` // data minus mean at Compared
	Error    numbers   `json:"error"`    // root mean square of the unseen residuals; over the standard deviation of the data
	Windows  []window  `json:"windows"`
}

// picture is what the page draws.
type picture struct {
	Rows     int       `json:"rows"`
	Times    numbers   `json:"times"`
	Compared numbers   `json:"compared"` // times of rows of the series
	Channels []channel `json:"channels"`
	Queries  int       `json:"queries"`
	Millis   float64   `json:"millis"` // of the forecast alone
}

// ask checks the arguments of the page and returns what is seen and the times
// that are drawn.
func ask(rows int, ahead float64) (lassode.Series, []float64, error) {
	n := len(held.Times)
	if n == 0 {
		return held, nil, errors.New("no series is loaded")
	}
	if rows < 1 || rows > n {
		return held, nil, fmt.Errorf("%d rows are to be seen, want 1 to %d", rows, n)
	}
	if !(ahead >= 0 && ahead <= 4) {
		return held, nil, fmt.Errorf("the forecast is to go %v times the span ahead, want 0 to 4", ahead)
	}
	first, last := held.Times[0], held.Times[n-1]
	// Halves, since the span of large times may overflow.
	step := (last/drawn - first/drawn) * (1 + ahead)
	times := make([]float64, drawn+1)
	for i := range times {
		times[i] = min(max(first+float64(i)*step, -lassode.MaxTime), lassode.MaxTime)
	}
	return lassode.Series{Names: held.Names, Times: held.Times[:rows], Values: held.Values[:rows]}, times, nil
}

func show(model *lassode.Model, rows int, ahead float64) (any, error) {
	seen, times, err := ask(rows, ahead)
	if err != nil {
		return nil, err
	}
	n := len(held.Times)
	stride := (n + compared - 1) / compared
	var picked []int
	at := times
	for i := 0; i < n; i += stride {
		picked = append(picked, i)
		at = append(at, held.Times[i])
	}
	start := time.Now()
	fc, err := model.Forecast(seen, at)
	millis := float64(time.Since(start).Microseconds()) / 1e3
	if err != nil {
		return nil, err
	}
	p := picture{Rows: rows, Times: times, Channels: make([]channel, len(held.Names)), Queries: len(at), Millis: millis}
	for _, i := range picked {
		p.Compared = append(p.Compared, held.Times[i])
	}
	var quantiles [][][]float64
	for _, level := range levels {
		quantiles = append(quantiles, fc.Quantile(level))
	}
	for c := range p.Channels {
		ch := &p.Channels[c]
		ch.Bands = make([]numbers, len(levels))
		for i := range times {
			ch.Mean = append(ch.Mean, fc.Mean[i][c])
			for k := range levels {
				ch.Bands[k] = append(ch.Bands[k], quantiles[k][i][c])
			}
		}
		var square, hidden, sum, spread, all float64
		for k, i := range picked {
			v := held.Values[i][c]
			r := v - fc.Mean[len(times)+k][c]
			ch.Residual = append(ch.Residual, r)
			if r != r {
				continue
			}
			if i >= rows {
				square += r * r
				hidden++
			}
			all++
			delta := v - sum
			sum += delta / all
			spread += delta * (v - sum)
		}
		rms := math.Sqrt(square / hidden)
		ch.Error = numbers{rms, rms / math.Sqrt(spread/all)}
	}
	for _, s := range fc.Segments {
		w := window{Start: s.Start, End: s.End, Observed: s.Observed}
		for _, m := range s.Modes[:min(shownModes, len(s.Modes))] { // the largest
			w.Modes = append(w.Modes, mode{m.Growth, math.Abs(m.Frequency), m.Amplitude})
		}
		ch := &p.Channels[s.Channel]
		ch.Windows = append(ch.Windows, w)
	}
	return p, nil
}

func save(model *lassode.Model, rows int, ahead float64) (any, error) {
	seen, times, err := ask(rows, ahead)
	if err != nil {
		return nil, err
	}
	if !heldClock.Holds(times[len(times)-1]) {
		return nil, errors.New("the forecast goes beyond the year 9999")
	}
	fc, err := model.Forecast(seen, times)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	if err := csv.WriteForecast(&text, held.Names, heldClock, fc, levels, true); err != nil {
		return nil, err
	}
	return struct {
		Text string `json:"text"`
	}{text.String()}, nil
}
