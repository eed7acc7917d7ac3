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

// SessionOptions say how much a [Session] keeps and how often it encodes. The
// zero value keeps [MaxSessionRows] rows and encodes whenever they changed.
type SessionOptions struct {
	// Rows is the number of latest rows that are the context, 2 to
	// [MaxSessionRows]; 0 is MaxSessionRows. What has slid out is forgotten: of a stream
	// with more than some fifty rows in a period of its fastest motion, observe every n-th
	// row, or means of n, so that the context holds periods enough.
	Rows int
	// Hold is the share of the context that may be newer than the encoding from
	// which a forecast is answered, 0 to 1/4. With 0 every forecast is that of
	// [Model.Forecast]. Above it a forecast after n new rows is that of the rows
	// before them, as long as
	//
	//   - n is at most Hold times the number of rows that were encoded,
	//   - the values observed in them lie within 4 times the root of the sum of squares of
	//     the predicted scale and the noise found in the channel of that forecast,
	//   - none came late, among the rows that were encoded, or at a channel that
	//     had no observation,
	//   - no time asked lies before the rows that were encoded, nor beyond the
	//     windows, which reach the last time asked and Hold times the span of the
	//     context further, and
	//   - the last time asked leaves at least half of the horizon that was encoded.
	//
	// Else, and at the first forecast, all rows are encoded. That makes a live loop
	// several times cheaper and less accurate, most of all just after the context,
	// and the more the larger Hold is. A held forecast is corrected by the errors that
	// the new rows show. Measure it on your own runs.
	Hold float64
	// KeepOutliers says that every value is true, as in a [Series].
	KeepOutliers bool
}

// maxHold bounds SessionOptions.Hold, and surprise is the distance from the
// forecast, in deviations expected of a row, at which it makes an encoding too old.
const (
	maxHold  = .25
	surprise = 4
)

// Validate returns an [InputError] that names the first bad field, or nil.
func (o SessionOptions) Validate() error {
	if o.Rows != 0 && (o.Rows < 2 || o.Rows > MaxSessionRows) {
		return inputError("Rows", fmt.Sprintf("0, or 2 to %d", MaxSessionRows), "%d", o.Rows)
	}
	if !(o.Hold >= 0 && o.Hold <= maxHold) {
		return inputError("Hold", fmt.Sprintf("0 to %v", maxHold), "%v", o.Hold)
	}
	return nil
}

// Session forecasts one system while it is observed: rows come in one at a
// time, in order or late, and the latest are the context. The cost of a row and
// of a forecast is bounded by that context, however long the session has run,
// and once its memory has grown to the context a session allocates nothing, but for times
// that lie in gaps or where some channels are silent, and while there is a jump in the context.
//
// The plan of an input is observed like any row, with NaN for the other channels; what is
// observed of these at its times later joins the rows of the plan. A plan that changes replaces
// the values of its rows.
//
// A forecast is the same as that of [Model.Forecast] from the rows kept, unless
// [SessionOptions] allow an older encoding. The observations are encoded at the
// first forecast after they changed; later forecasts over the same span
// evaluate that encoding, in closed form, at the times asked. Values that stand alone are
// left out, as [Forecast.Outliers] says. A jump looks like one until a second row confirms it;
// in a channel that has jumped before, a wrong value is believed until two more were observed.
//
// A session is made by [Model.NewSession] or [Model.NewSessionWith]; one that is not,
// such as the new one that encoding/gob decodes into by itself, answers with an error.
//
// A Session belongs to one goroutine at a time: calls that overlap are a data
// race. Many sessions may share a [Model].
type Session struct {
	e       *engine
	opt     SessionOptions
	rule    *rule // the constraints, or nil
	times   []float64
	rows    [][]float64
	merged  []float64 // a row with what was observed at its time before
	seen    uint64    // rows given to Observe, refused ones included
	changed bool      // since the engine loaded the rows

	fresh   int      // latest rows that the encoding lacks
	checked int      // the first of them, which are no surprise
	check   Forecast // of one of them
}

// errNoModel is the error of a session that no model made.
var errNoModel = errors.New("lassode: Session is the zero value, want one of Model.NewSession or Model.NewSessionWith")

// NewSession returns an empty session with the default options.
func (m *Model) NewSession() *Session {
	return &Session{e: m.newEngine(), opt: SessionOptions{Rows: MaxSessionRows}}
}

// NewSessionWith returns an empty session with the given options, or an
// [InputError].
func (m *Model) NewSessionWith(opt SessionOptions) (*Session, error) {
	if err := opt.Validate(); err != nil {
		return nil, err
	}
	if opt.Rows == 0 {
		opt.Rows = MaxSessionRows
	}
	s := &Session{e: m.newEngine(), opt: opt}
	s.e.hold = opt.Hold
	return s, nil
}

// Constrain sets facts about the system that the forecasts keep from now on, nil
// for none. Observe then refuses rows that break them. It returns an
// [InputError], and changes nothing, where the constraints contradict each other
// or a row kept. k is copied. Reset and UnmarshalBinary leave the constraints as
// they are.
func (s *Session) Constrain(k *Constraints) error {
	if s.e == nil {
		return errNoModel
	}
	if k == nil {
		s.rule = nil
		s.outdate()
		return nil
	}
	kept := Series{Times: s.times, Values: s.rows}
	if err := k.check(kept.Channels()); err != nil {
		return err
	}
	if err := k.checkRows(kept); err != nil {
		return err
	}
	s.rule = nil
	s.outdate()
	if n := k.channels(); n > 0 {
		s.rule = newRule(k, n)
	}
	return nil
}

// Reset forgets all observations and keeps the memory.
func (s *Session) Reset() {
	if s.e == nil {
		return // nothing was observed
	}
	s.times, s.rows, s.seen = s.times[:0], s.rows[:0], 0
	s.outdate()
}

// outdate says that the encoding, if there is one, cannot be held.
func (s *Session) outdate() { s.changed, s.e.encoded = true, false }

// Len returns the number of rows kept.
func (s *Session) Len() int { return len(s.times) }

// Observe adds the row of channels seen at time t; NaN is not observed. A row
// may be late: any time from that of the oldest row kept is accepted. At the
// time of a row that is kept already, the channels observed replace those of
// that row, so that sensors may report one by one. With as many rows kept as
// the session may keep, a new time drops the oldest.
//
// A row that is refused with an [InputError], which counts the rows given from
// 0, leaves the session as it was. row is copied.
func (s *Session) Observe(t float64, row []float64) error {
	if s.e == nil {
		return errNoModel
	}
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
	if known {
		kept, news := s.rows[at], false
		for c, v := range row {
			if v == v && v != kept[c] {
				kept[c], news = v, true
			}
		}
		if news { // a row that came twice costs nothing
			s.changed = true
			s.touch(at, n)
		}
		return nil
	}
	s.changed = true
	s.fresh++
	s.touch(at, n+1)
	var free []float64 // memory for the new row
	if n < s.opt.Rows {
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

// touch notes that row at of n is new or changed.
func (s *Session) touch(at, n int) {
	if at < n-s.fresh {
		s.outdate()
	}
	if at-(n-s.fresh) < s.checked {
		s.checked = 0 // the errors are learned in the order of time
	}
}

// ForecastInto answers as [Model.Forecast] does from the rows kept, or from
// fewer as the options of the session allow, into f, whose memory it reuses
// where the numbers of times and channels are those of the last call. at is
// copied, and may be a part of f.Times. Segments are left out.
func (s *Session) ForecastInto(f *Forecast, at []float64) error {
	if s.e == nil {
		return errNoModel
	}
	if f == nil {
		return inputError("f", "a Forecast to fill", "nil")
	}
	if s.changed || len(s.times) == 0 {
		channels := 0 // those of the rows, which the engine may not have seen
		if len(s.rows) > 0 {
			channels = len(s.rows[0])
		}
		if err := checkQueries(at, channels); err != nil {
			return err
		}
		if s.holds(slices.Min(at), slices.Max(at)) {
			return s.e.ask(at, f, false)
		}
		if err := s.e.load(Series{Times: s.times, Values: s.rows, KeepOutliers: s.opt.KeepOutliers}, s.rule); err != nil {
			return err
		}
		s.changed, s.fresh, s.checked = false, 0, 0
	}
	return s.e.ask(at, f, false)
}

// holds reports whether the standing encoding may answer for times from low to
// high though there are new rows, by the rules of SessionOptions.Hold.
func (s *Session) holds(low, high float64) bool {
	e := s.e
	if !e.stands() || !e.answers(e.part, low) || float64(s.fresh) > s.opt.Hold*float64(len(e.times)) {
		return false
	}
	if !e.serves(max(high, e.times[len(e.times)-1])) {
		return false
	}
	if s.checked == 0 {
		e.startNews()
	}
	for ; s.checked < s.fresh; s.checked++ {
		i := len(s.times) - s.fresh + s.checked
		if s.surprises(s.times[i:i+1], s.rows[i]) {
			return false
		}
	}
	return true
}

// stands reports whether there is an encoding that new rows may follow.
func (e *engine) stands() bool { return e.encoded && e.sign > 0 && e.part == e.latest() }

// surprises reports whether a new row asks for an encoding. If not, it learns from it how
// the standing forecast errs.
func (s *Session) surprises(t []float64, row []float64) bool {
	e := s.e
	if !(e.sys.geo.at(t[0]) <= float64(e.sys.geo.count)) {
		return true
	}
	s.check.shape(t, e.channels)
	s.check.half = resize(s.check.half, e.channels)
	e.order = append(e.order[:0], 0)
	e.answer(&s.check, t, e.order)
	for c, v := range row {
		if v == v && s.check.Mean[0][c] != s.check.Mean[0][c] {
			return true // a channel without an observation so far
		}
	}
	for j, c := range e.live {
		if v := row[c]; v == v {
			noise := e.sys.half[j] * math.Pow(10, e.sys.noise[j])
			if !(math.Abs(v-s.check.Mean[0][c]) <= surprise*math.Hypot(s.check.Scale[0][c], noise)) {
				return true
			}
		}
	}
	for j, c := range e.live {
		if v := row[c]; v == v {
			e.learn(j, t[0], v-s.check.Mean[0][c], s.check.Scale[0][c])
		}
	}
	return false
}

// The error of a standing forecast, in half ranges of a channel, is taken for a Gaussian
// process: a critically damped oscillator that noise drives,
//
//	z' = (0 1; -1 -2) z + (0, white noise),  z = (error, its rate),
//
// in units of newsTime of the width of window that suits the signal, with z = 0 at the end
// of the rows encoded and a stationary deviation of newsSpread predicted scales. The new rows
// observe it with the noise of the channel, so that a Kalman filter tells its mean after the
// latest; from there it decays in closed form:
//
//	error(u) = e^-u ((1 + u) z0 + u z1),  rate(u) = e^-u (z1 - u (z0 + z1)).
//
// Constants: on the held-out kinds, clean and with 5 % noise, the error of the next 8 rows
// was least about these, and flat.
const (
	newsTime   = .75
	newsSpread = 3.2
	newsFloor  = .01 // least noise, in predicted scales
)

// news is what the rows after the standing encoding say about its error in one channel.
type news struct {
	at            float64 // time of the latest of them, or of the end of the rows encoded
	z0, z1        float64 // mean of the error and of its rate there
	p00, p01, p11 float64 // their covariance
}

// startNews forgets what was learned.
func (e *engine) startNews() {
	e.news = resize(e.news, len(e.live))
	for j := range e.news {
		e.news[j] = news{at: e.times[len(e.times)-1]}
	}
}

// newsUnit returns the unit of time of the errors, 0 where nothing can be learned.
func (e *engine) newsUnit() float64 { return newsTime * e.width }

// learn takes in that the value observed in live channel j at time t lies miss over the
// standing forecast, whose predicted scale is scale there.
func (e *engine) learn(j int, t, miss, scale float64) {
	n, unit, half := &e.news[j], e.newsUnit(), e.sys.half[j]
	u := (t - n.at) / unit
	if !(unit > 0) || !(u >= 0) {
		return
	}
	miss, scale = miss/half, scale/half
	v := newsSpread * newsSpread * scale * scale
	d := math.Exp(-u)
	a, b, c, f := d*(1+u), d*u, -d*u, d*(1-u)
	if d == 0 {
		a, b, c, f = 0, 0, 0, 0 // u may be infinite
	}
	z0, z1 := a*n.z0+b*n.z1, c*n.z0+f*n.z1
	p00, p01, p11 := n.p00-v, n.p01, n.p11-v
	q0, q1, q2, q3 := a*p00+b*p01, a*p01+b*p11, c*p00+f*p01, c*p01+f*p11
	p00, p01, p11 = q0*a+q1*b+v, q0*c+q1*f, q2*c+q3*f+v
	noise := math.Pow(10, e.sys.noise[j])
	inv := 1 / (p00 + noise*noise + newsFloor*newsFloor*scale*scale)
	k0, k1 := p00*inv, p01*inv
	n.at, n.z0, n.z1 = t, z0+k0*(miss-z0), z1+k1*(miss-z0)
	n.p00, n.p01, n.p11 = p00-k0*p00, p01-k0*p01, p11-k1*p01
}

// correct adds the error that the new rows have shown to the times at of f: for later ones as
// it decays, and between the rows encoded and the latest of the new by the cubic that meets both
// ends with their rates.
func (e *engine) correct(f *Forecast, at []float64) {
	unit := e.newsUnit()
	for j := range e.news {
		n, column, half := &e.news[j], e.live[j], e.sys.half[j]
		start := e.times[len(e.times)-1]
		if n.at == start {
			continue
		}
		for i, t := range at {
			var v, r float64
			switch u := (t - n.at) / unit; {
			case t <= start:
				continue
			case u >= 0:
				d := math.Exp(-u)
				if d == 0 {
					continue
				}
				v, r = d*((1+u)*n.z0+u*n.z1), d*(n.z1-u*(n.z0+n.z1))
			default:
				h := (n.at - start) / unit
				u = (t - start) / (n.at - start)
				v, r = u*u*((3-2*u)*n.z0+(u-1)*h*n.z1), u*(6*(1-u)*n.z0/h+(3*u-2)*n.z1)
			}
			f.Mean[i][column] = finite(f.Mean[i][column] + half*v)
			f.Rate[i][column] = finite(f.Rate[i][column] + half*r/unit)
		}
	}
}

// The state of a session is sessionMagic, the numbers of rows seen, kept and
// of channels, the options, the times and the values by rows; the numbers of new
// rows and of rows that the standing encoding holds, the end that it was asked
// for, and its times and values; and the CRC-32 of all before it. Numbers are
// little-endian. Without an encoding that may be held, the numbers of new rows,
// of its rows and the end are zero.
const (
	sessionMagic    = "lassode session 3\n"
	sessionHeader   = len(sessionMagic) + 8 + 4 + 4 + 4 + 8 + 1
	sessionStanding = 4 + 4 + 8
)

// AppendBinary appends the state of the session, its options and observations,
// to b. It never fails. It implements [encoding.BinaryAppender].
func (s *Session) AppendBinary(b []byte) ([]byte, error) {
	from := len(b)
	channels := 0
	if len(s.rows) > 0 {
		channels = len(s.rows[0])
	}
	b = append(b, sessionMagic...)
	b = binary.LittleEndian.AppendUint64(b, s.seen)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.times)))
	b = binary.LittleEndian.AppendUint32(b, uint32(channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(s.opt.Rows))
	b = appendFloats(b, s.opt.Hold)
	keep := byte(0)
	if s.opt.KeepOutliers {
		keep = 1
	}
	b = append(b, keep)
	b = appendFloats(b, s.times...)
	for _, row := range s.rows {
		b = appendFloats(b, row...)
	}
	var standing Series
	end, fresh := 0., 0
	if e := s.e; s.opt.Hold > 0 && e.stands() && s.fresh <= len(s.times) {
		standing, end, fresh = e.series(), e.asked, s.fresh
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(fresh))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(standing.Times)))
	b = appendFloats(b, end)
	b = appendFloats(b, standing.Times...)
	for _, row := range standing.Values {
		b = appendFloats(b, row...)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b[from:])), nil
}

func appendFloats(b []byte, x ...float64) []byte {
	for _, v := range x {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

// takeSeries reads n times and as many rows of channels values from b, which is
// long enough, and returns what is left.
func takeSeries(b []byte, n, channels int) (Series, []byte) {
	number := func() float64 {
		v := math.Float64frombits(binary.LittleEndian.Uint64(b))
		b = b[8:]
		return v
	}
	var s Series
	for range n {
		s.Times = append(s.Times, number())
	}
	for range n {
		row := make([]float64, channels)
		for c := range row {
			row[c] = number()
		}
		s.Values = append(s.Values, row)
	}
	return s, b
}

// MarshalBinary returns the state of the session. It implements
// [encoding.BinaryMarshaler].
func (s *Session) MarshalBinary() ([]byte, error) { return s.AppendBinary(nil) }

// UnmarshalBinary restores a state that [Session.MarshalBinary] returned, with
// its options; the forecasts that follow are, bit for bit, those of the session
// that was saved, if the models and the constraints are the same. A state that is
// damaged gives an error and leaves the session as it was. data is copied. It
// implements
// [encoding.BinaryUnmarshaler].
func (s *Session) UnmarshalBinary(data []byte) error {
	if s.e == nil {
		return errNoModel
	}
	if len(data) < sessionHeader+sessionStanding+4 || string(data[:len(sessionMagic)]) != sessionMagic {
		return errors.New("lassode: this is not the state of a session")
	}
	body := data[:len(data)-4]
	if got, want := crc32.ChecksumIEEE(body), binary.LittleEndian.Uint32(data[len(body):]); got != want {
		return fmt.Errorf("lassode: the state of the session is damaged: its checksum is %08x, want %08x", got, want)
	}
	damaged := func(err error) error { return fmt.Errorf("lassode: the state of the session is damaged: %w", err) }
	u32 := func(b []byte) int64 { return int64(binary.LittleEndian.Uint32(b)) }
	head := body[len(sessionMagic):]
	seen := binary.LittleEndian.Uint64(head)
	n, channels := u32(head[8:]), u32(head[12:])
	opt := SessionOptions{Rows: int(u32(head[16:])), Hold: math.Float64frombits(binary.LittleEndian.Uint64(head[20:])), KeepOutliers: head[28] == 1}
	if err := opt.Validate(); err != nil {
		return damaged(err)
	}
	if keep := head[28]; keep > 1 {
		return damaged(fmt.Errorf("KeepOutliers is %d, want 0 or 1", keep))
	}
	body = body[sessionHeader:]
	fit := func(n int64, bytes int) bool {
		return n <= int64(opt.Rows) && channels <= MaxChannels && (n == 0 || channels > 0) && 8*n*(1+channels) <= int64(bytes)
	}
	if !fit(n, len(body)-sessionStanding) {
		return fmt.Errorf("lassode: the state of the session holds %d bytes, which do not fit %d rows of %d channels", len(body), n, channels)
	}
	kept, body := takeSeries(body, int(n), int(channels))
	fresh, held, end := u32(body), u32(body[4:]), math.Float64frombits(binary.LittleEndian.Uint64(body[8:]))
	body = body[sessionStanding:]
	if !fit(held, len(body)) || int64(len(body)) != 8*held*(1+channels) || fresh > n || held == 0 && fresh > 0 || !(math.Abs(end) <= MaxTime) {
		return fmt.Errorf("lassode: the state of the session holds %d bytes, which do not fit %d encoded and %d new rows of %d channels", len(body), held, fresh, channels)
	}
	standing, _ := takeSeries(body, int(held), int(channels))
	next := Session{e: s.e.m.newEngine(), opt: opt, times: kept.Times, rows: kept.Values, seen: seen, changed: true, fresh: int(fresh)}
	next.e.hold = opt.Hold
	if n > 0 {
		if err := kept.Validate(); err != nil {
			return damaged(err)
		}
	}
	if n > 0 && s.rule != nil {
		if int(channels) != len(s.rule.lower) {
			return inputError("width of the state", fmt.Sprintf("%d channels as in the constraints", len(s.rule.lower)), "%d", channels)
		}
		if err := s.rule.checkRows(kept); err != nil {
			return err
		}
	}
	if held > 0 {
		err := standing.Validate()
		if err == nil {
			standing.KeepOutliers = opt.KeepOutliers
			err = next.e.load(standing, s.rule)
		}
		if err != nil {
			return damaged(err)
		}
		next.e.encode(max(end, standing.Times[held-1]), next.e.latest())
	}
	next.rule, next.merged = s.rule, s.merged
	*s = next
	return nil
}
