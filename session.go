package lassode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
)

// MaxSessionRows bounds the context of a [Session]; older rows slide out.
const MaxSessionRows = 1024

// Session forecasts one system while it is observed: rows come in one at a
// time, in order or late, and the latest [MaxSessionRows] are the context. The
// cost of a row and of a forecast is bounded by that context, however long the
// session has run, and once its memory has grown to the context a session
// allocates nothing.
//
// A forecast is the same as that of [Model.Forecast] from the rows kept. The
// observations are encoded at the first forecast after they changed; later
// forecasts over the same span evaluate that encoding, in closed form, at the
// times asked.
//
// A Session belongs to one goroutine at a time: calls that overlap are a data
// race. Many sessions may share a [Model].
type Session struct {
	e       *engine
	rule    *rule // the constraints, or nil
	times   []float64
	rows    [][]float64
	merged  []float64 // a row with what was observed at its time before
	seen    uint64    // rows given to Observe, refused ones included
	changed bool      // since the engine loaded the rows
}

// NewSession returns an empty session.
func (m *Model) NewSession() *Session { return &Session{e: m.newEngine()} }

// Constrain sets facts about the system that the forecasts keep from now on, nil
// for none. Observe then refuses rows that break them. It returns an
// [InputError], and changes nothing, where the constraints contradict each other
// or a row kept. k is copied. Reset and UnmarshalBinary leave the constraints as
// they are.
func (s *Session) Constrain(k *Constraints) error {
	if k == nil {
		s.rule, s.changed = nil, true
		return nil
	}
	kept := Series{Times: s.times, Values: s.rows}
	if err := k.check(kept.Channels()); err != nil {
		return err
	}
	if err := k.checkRows(kept); err != nil {
		return err
	}
	s.rule, s.changed = nil, true
	if n := k.channels(); n > 0 {
		s.rule = newRule(k, n)
	}
	return nil
}

// Reset forgets all observations and keeps the memory.
func (s *Session) Reset() { s.times, s.rows, s.seen, s.changed = s.times[:0], s.rows[:0], 0, true }

// Len returns the number of rows kept.
func (s *Session) Len() int { return len(s.times) }

// Observe adds the row of channels seen at time t; NaN is not observed. A row
// may be late: any time from that of the oldest row kept is accepted. At the
// time of a row that is kept already, the channels observed replace those of
// that row, so that sensors may report one by one. With [MaxSessionRows] kept,
// a new time drops the oldest row.
//
// A row that is refused with an [InputError], which counts the rows given from
// 0, leaves the session as it was. row is copied.
func (s *Session) Observe(t float64, row []float64) error {
	field := func(name string) string { return fmt.Sprintf("%s of row %d", name, s.seen-1) }
	s.seen++
	if !(math.Abs(t) <= MaxTime) {
		return inputError(field("t"), wantTime, "%v", t)
	}
	n := len(s.times)
	if n > 0 && t < s.times[0] {
		return inputError(field("t"), fmt.Sprintf("at least %v, the time of the oldest row kept", s.times[0]), "%v", t)
	}
	if len(row) == 0 || len(row) > MaxChannels {
		return inputError(field("width"), fmt.Sprintf("1 to %d channels", MaxChannels), "%d", len(row))
	}
	if n > 0 && len(row) != len(s.rows[0]) {
		return inputError(field("width"), fmt.Sprintf("%d channels as in the first row", len(s.rows[0])), "%d", len(row))
	}
	for c, v := range row {
		if math.IsInf(v, 0) {
			return inputError(field(fmt.Sprintf("channel %d", c)), "a finite number, or NaN where not observed", "%v", v)
		}
	}
	at, known := n, false
	if n > 0 && t <= s.times[n-1] {
		at, known = slices.BinarySearch(s.times, t)
	}
	if s.rule != nil {
		if n == 0 && len(row) != len(s.rule.lower) {
			return inputError(field("width"), fmt.Sprintf("%d channels as in the constraints", len(s.rule.lower)), "%d", len(row))
		}
		s.merged = append(s.merged[:0], row...)
		for c, v := range row {
			if known && v != v {
				s.merged[c] = s.rows[at][c]
			}
		}
		if err := s.rule.checkRow(s.merged, func(c int) string {
			if c < 0 {
				return field("total")
			}
			return field(fmt.Sprintf("channel %d", c))
		}); err != nil {
			return err
		}
	}
	s.changed = true
	if known {
		for c, v := range row {
			if v == v {
				s.rows[at][c] = v
			}
		}
		return nil
	}
	var free []float64 // memory for the new row
	if n < MaxSessionRows {
		s.times = append(s.times, t)
		if n < cap(s.rows) {
			s.rows = s.rows[:n+1]
			free = s.rows[n]
		} else {
			s.rows = append(s.rows, nil)
		}
		copy(s.times[at+1:], s.times[at:n])
		copy(s.rows[at+1:], s.rows[at:n])
	} else {
		at-- // the oldest row makes room
		free = s.rows[0]
		copy(s.times, s.times[1:at+1])
		copy(s.rows, s.rows[1:at+1])
	}
	s.times[at] = t
	s.rows[at] = append(free[:0], row...)
	return nil
}

// ForecastInto answers as [Model.Forecast] does from the rows kept, into f,
// whose memory it reuses where the numbers of times and channels are those of
// the last call. at is copied. Segments are left out.
func (s *Session) ForecastInto(f *Forecast, at []float64) error {
	if s.changed || len(s.times) == 0 {
		if err := s.e.load(Series{Times: s.times, Values: s.rows}, s.rule); err != nil {
			return err
		}
		s.changed = false
	}
	return s.e.ask(at, f, false)
}

// The state of a session is sessionMagic, the numbers of rows seen, kept and
// of channels, the times, the values by rows, and the CRC-32 of all before it;
// numbers are little-endian.
const (
	sessionMagic  = "lassode session 1\n"
	sessionHeader = len(sessionMagic) + 8 + 4 + 4
)

// AppendBinary appends the state of the session, its observations, to b. It
// never fails. It implements [encoding.BinaryAppender].
func (s *Session) AppendBinary(b []byte) ([]byte, error) {
	from := len(b)
	b = append(b, sessionMagic...)
	b = binary.LittleEndian.AppendUint64(b, s.seen)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.times)))
	channels := 0
	if len(s.rows) > 0 {
		channels = len(s.rows[0])
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(channels))
	for _, t := range s.times {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(t))
	}
	for _, row := range s.rows {
		for _, v := range row {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
	}
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b[from:])), nil
}

// MarshalBinary returns the state of the session. It implements
// [encoding.BinaryMarshaler].
func (s *Session) MarshalBinary() ([]byte, error) { return s.AppendBinary(nil) }

// UnmarshalBinary restores a state that [Session.MarshalBinary] returned; the
// forecasts that follow are, bit for bit, those of the session that was saved,
// if the models and the constraints are the same. A state that is damaged gives an error and leaves
// the session as it was. data is copied. It implements
// [encoding.BinaryUnmarshaler].
func (s *Session) UnmarshalBinary(data []byte) error {
	if len(data) < sessionHeader+4 || string(data[:len(sessionMagic)]) != sessionMagic {
		return errors.New("lassode: this is not the state of a session")
	}
	body := data[:len(data)-4]
	if got, want := crc32.ChecksumIEEE(body), binary.LittleEndian.Uint32(data[len(body):]); got != want {
		return fmt.Errorf("lassode: the state of the session is damaged: its checksum is %08x, want %08x", got, want)
	}
	head := body[len(sessionMagic):]
	seen := binary.LittleEndian.Uint64(head)
	n, channels := int64(binary.LittleEndian.Uint32(head[8:])), int64(binary.LittleEndian.Uint32(head[12:]))
	body = body[sessionHeader:]
	if n > MaxSessionRows || channels > MaxChannels || n > 0 && channels == 0 || int64(len(body)) != 8*n*(1+channels) {
		return fmt.Errorf("lassode: the state of the session holds %d bytes, which do not fit %d rows of %d channels", len(body), n, channels)
	}
	number := func(i int64) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(body[8*i:])) }
	next := Session{seen: seen, changed: true}
	for i := range n {
		next.times = append(next.times, number(i))
		row := make([]float64, channels)
		for c := range row {
			row[c] = number(n + i*channels + int64(c))
		}
		next.rows = append(next.rows, row)
	}
	if n > 0 {
		if err := (Series{Times: next.times, Values: next.rows}).Validate(); err != nil {
			return fmt.Errorf("lassode: the state of the session is damaged: %w", err)
		}
	}
	if n > 0 && s.rule != nil {
		kept := Series{Times: next.times, Values: next.rows}
		if int(channels) != len(s.rule.lower) {
			return inputError("width of the state", fmt.Sprintf("%d channels as in the constraints", len(s.rule.lower)), "%d", channels)
		}
		if err := s.rule.checkRows(kept); err != nil {
			return err
		}
	}
	next.e, next.rule, next.merged = s.e, s.rule, s.merged
	*s = next
	return nil
}
