// Package lassode is an embeddable engine for LASS-ODE (LArge-Scale Small ODE,
// arXiv 2602.01009): a foundation model for dynamical physical systems. Given a
// few observations of one system, irregular in time, noisy and with missing
// channels, it answers with the state at any other times, past, inside or
// future, with its uncertainty, its exact rate of change and the local linear
// dynamics behind it. No training on that system is needed.
//
//	m, err := pretrained.Model()
//	if err != nil {
//		return err
//	}
//	fc, err := m.Forecast(lassode.Series{Times: t, Values: x}, at)
//	if err != nil {
//		return err
//	}
//	fmt.Println(fc.Mean[0], fc.Quantile(0.9)[0], fc.Rate[0])
//
// A missing observation is NaN. Times may be in any unit and must increase. A
// [Forecast] has, per time asked and channel, the mean, its exact rate of change,
// quantiles for any probability, and the local linear modes of every window.
//
// # Where to start
//
//   - One series: [Model.Forecast]. Many: [Model.ForecastBatch], on all
//     processors. A stream: [Session], one row at a time, without garbage.
//   - What is known of the system, bounds and a conserved total, goes into
//     [Series.Constraints] or [Session.Constrain].
//   - Runs of the machine at hand make it better: [Model.FineTune], which is
//     never worse than the original on runs that it keeps apart, or, without
//     training, [Model.Adapt].
//   - New weights: [Pretrain], from any [Source]; package ode has one.
//   - Weights are safetensors files: [Load], [Model.Save]. Those of package
//     pretrained are part of the module, and only its importers carry them.
//
// Bad input is answered by an [InputError] that names the field, the value and
// what was expected; of what a user supplies only a probability that is not strictly
// between 0 and 1 panics, in [Forecast.Quantile]. Errors of a program panic: a nil
// context.Context or io.Writer, a nil [Model], [Session] or [Forecast] whose method is
// called, and the zero value of a Model. How the model works, with its formulas, and where it must not be
// trusted, is in docs/how-it-works.md.
//
// # Concurrency and determinism
//
// A [Model] is immutable and safe for concurrent use. A [Session] belongs to
// one goroutine. A [Forecast] may be read by several, but for one that a Session
// is filling. On one machine the same call gives the same bits, whatever the
// number of threads; pretraining and fine-tuning included. Between processors
// results agree to the tolerances in docs/how-it-works.md.
package lassode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
)

// Series holds the observations of one system.
//
// Times has one entry per row, strictly increasing, in any unit. Values has a
// row per time and a column per channel; NaN means not observed. Names are the
// channels' names and may be nil; models that keep runs match channels by them
// ([Model.FineTune]). Constraints are facts about the system that
// its forecasts keep; nil means none. A Series is only read by this package.
// Each channel is scaled by the range of its own observations, so that units do not
// matter; a single observation tells no range, and its value itself is taken for one. Channels that have
// nothing to do with each other belong into series of their own.
//
// An input whose future is known is a channel that is observed in rows behind those of the
// others: at times up to the last of them the others are forecast as it drives them, if some
// forty rows or more showed how. Between its rows the input runs in a straight line, so that a
// step is given by a row at each of its ends.
//
// Single values that stand alone in a channel that is otherwise smooth, or under
// moderate noise, count as not observed, and so does a number that is read in the place of
// values (-999, the end of a scale), twice or more, or over and over by a sensor that was stuck for
// a while: [Forecast.Outliers] names them.
// KeepOutliers says that every value is true, as those of a simulator or of a channel
// with short pulses are, and keeps them.
type Series struct {
	Times        []float64
	Values       [][]float64
	Names        []string
	Constraints  *Constraints
	KeepOutliers bool
}

// Channels returns the number of columns, 0 for a series without rows.
func (s Series) Channels() int {
	if len(s.Values) == 0 {
		return 0
	}
	return len(s.Values[0])
}

// Source is a collection of trajectories with random access, the input of
// [Pretrain]. At must return the same series for the same index, may be called
// from many goroutines, and its values may hold NaN. Random access makes a
// training run a function of its step number alone, so that a resumed run is
// bit-identical to an uninterrupted one.
//
// A source may have a method Digest() string besides, which identifies its trajectories: a
// run is not resumed on a source whose digest is another.
type Source interface {
	// Len is the number of trajectories.
	Len() int
	// Channels is the number of channels of trajectory i, without loading it.
	Channels(i int) int
	// At returns trajectory i.
	At(i int) (Series, error)
}

// SliceSource makes a [Source] of trajectories held in memory. They are kept, not
// copied, and must not change while they are in use.
func SliceSource(series []Series) Source { return sliceSource(series) }

type sliceSource []Series

// Digest is a hash of all times and values.
func (s sliceSource) Digest() string {
	sum := fnv.New64a()
	for _, x := range s {
		binary.Write(sum, binary.LittleEndian, int64(len(x.Times))) // a hash returns no error
		binary.Write(sum, binary.LittleEndian, x.Times)
		for _, row := range x.Values {
			binary.Write(sum, binary.LittleEndian, row)
		}
	}
	return fmt.Sprintf("%016x", sum.Sum64())
}

func (s sliceSource) Len() int                 { return len(s) }
func (s sliceSource) Channels(i int) int       { return s[i].Channels() }
func (s sliceSource) At(i int) (Series, error) { return s[i], nil }

// Limits of what one call accepts. They bound time and memory, so that no
// input can exhaust the process.
const (
	// MaxRows is the largest number of rows of a series.
	MaxRows = 1 << 20
	// MaxChannels is the largest number of channels of a series.
	MaxChannels = 1024
	// MaxTime is the largest magnitude of a time: beyond it, spans overflow.
	MaxTime = 1e300
	// MaxQueries is the largest number of query times of one call.
	MaxQueries = 1 << 22
	// MaxAnswers is the largest number of query times times channels of one call.
	MaxAnswers = 1 << 24
)

const wantTime = "a finite number of magnitude at most 1e300"

// InputError reports a bad value that a caller supplied: a series, query times
// or an option.
type InputError struct {
	Field string // which input, such as "Times[3]"
	Got   string // the value
	Want  string // what was expected
}

// Error implements error.
func (e *InputError) Error() string {
	return fmt.Sprintf("lassode: %s is %s, want %s", e.Field, e.Got, e.Want)
}

func inputError(field, want, format string, args ...any) error {
	return &InputError{Field: field, Got: fmt.Sprintf(format, args...), Want: want}
}

// within returns err, an [InputError] of a part of field, as one of field.
func within(field string, err error) error {
	var part *InputError
	if !errors.As(err, &part) {
		return err
	}
	return &InputError{Field: field + "." + part.Field, Got: part.Got, Want: part.Want}
}

// Validate returns an [InputError] that names the first bad entry, or nil.
// Observations that break the constraints are such entries.
func (s Series) Validate() error {
	if len(s.Times) == 0 {
		return inputError("Times", "at least one observation", "empty")
	}
	if len(s.Times) > MaxRows {
		return inputError("Times", fmt.Sprintf("at most %d rows", MaxRows), "%d rows long", len(s.Times))
	}
	if len(s.Values) != len(s.Times) {
		return inputError("Values", fmt.Sprintf("%d rows, one for each time", len(s.Times)), "%d rows long", len(s.Values))
	}
	channels := len(s.Values[0])
	if channels == 0 {
		return inputError("Values[0]", "at least one channel", "empty")
	}
	if channels > MaxChannels {
		return inputError("Values[0]", fmt.Sprintf("at most %d channels", MaxChannels), "%d channels wide", channels)
	}
	if s.Names != nil && len(s.Names) != channels {
		return inputError("Names", fmt.Sprintf("%d names, one for each channel", channels), "%d long", len(s.Names))
	}
	for i, t := range s.Times {
		if !(math.Abs(t) <= MaxTime) {
			return inputError(fmt.Sprintf("Times[%d]", i), wantTime, "%v", t)
		}
		if i > 0 && t <= s.Times[i-1] {
			return inputError(fmt.Sprintf("Times[%d]", i), fmt.Sprintf("more than Times[%d] = %v", i-1, s.Times[i-1]), "%v", t)
		}
		if len(s.Values[i]) != channels {
			return inputError(fmt.Sprintf("Values[%d]", i), fmt.Sprintf("%d values as in the first row", channels), "%d values wide", len(s.Values[i]))
		}
		for c, v := range s.Values[i] {
			if math.IsInf(v, 0) {
				return inputError(fmt.Sprintf("Values[%d][%d]", i, c), "a finite number, or NaN where not observed", "%v", v)
			}
		}
	}
	if s.Constraints != nil {
		if err := s.Constraints.check(channels); err != nil {
			return err
		}
		return s.Constraints.checkRows(s)
	}
	return nil
}
