package lassode

import (
	"fmt"
	"math"
)

// maxSessionRows bounds the context of a session; older rows slide out.
const maxSessionRows = 1024

// Session forecasts one system while it is observed. It belongs to one
// goroutine; many sessions may share a [Model]. It keeps its memory between
// calls.
type Session struct {
	e     *engine
	times []float64
	rows  [][]float64
}

// NewSession returns an empty session.
func (m *Model) NewSession() *Session { return &Session{e: m.newEngine()} }

// Reset forgets all observations and keeps the memory.
func (s *Session) Reset() { s.times, s.rows = s.times[:0], s.rows[:0] }

// Observe adds the row of channels seen at time t; NaN is not observed. Times
// must increase. The latest 1024 rows are kept. A row that is refused with an
// [InputError] leaves the session as it was. row is copied.
func (s *Session) Observe(t float64, row []float64) error {
	if !(math.Abs(t) <= MaxTime) {
		return inputError("t", wantTime, "%v", t)
	}
	n := len(s.times)
	if n > 0 && t <= s.times[n-1] {
		return inputError("t", fmt.Sprintf("more than the last time %v", s.times[n-1]), "%v", t)
	}
	if len(row) == 0 || len(row) > MaxChannels {
		return inputError("row", fmt.Sprintf("1 to %d channels", MaxChannels), "%d wide", len(row))
	}
	if n > 0 && len(row) != len(s.rows[0]) {
		return inputError("row", fmt.Sprintf("%d channels as in the first row", len(s.rows[0])), "%d wide", len(row))
	}
	for c, v := range row {
		if math.IsInf(v, 0) {
			return inputError(fmt.Sprintf("row[%d]", c), "a finite number, or NaN where not observed", "%v", v)
		}
	}
	if n < maxSessionRows {
		s.times = append(s.times, t)
		if n < cap(s.rows) {
			s.rows = s.rows[:n+1]
			s.rows[n] = append(s.rows[n][:0], row...)
		} else {
			s.rows = append(s.rows, append([]float64(nil), row...))
		}
		return nil
	}
	oldest := s.rows[0]
	copy(s.times, s.times[1:])
	copy(s.rows, s.rows[1:])
	s.times[n-1] = t
	s.rows[n-1] = append(oldest[:0], row...)
	return nil
}

// Len returns the number of rows kept.
func (s *Session) Len() int { return len(s.times) }

// ForecastInto answers as [Model.Forecast] does from what was observed, into
// f, reusing its memory. Segments are left out.
func (s *Session) ForecastInto(f *Forecast, at []float64) error {
	return s.e.forecast(Series{Times: s.times, Values: s.rows}, at, f, false)
}
