package lassode

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/lassode/lassode/asm"
	"github.com/lassode/lassode/internal/atomicfile"
	"github.com/lassode/lassode/internal/jsonkeys"
	"github.com/lassode/lassode/tensor"
)

// formatVersion is the version of the weights file. Other versions are refused.
const formatVersion = 1

// Precision is the number format of stored weights.
type Precision int

// The precisions that Save writes and Load reads.
const (
	Float32  Precision = iota // exact
	BFloat16                  // half the size, about three significant digits
	Int8                      // about a quarter: large matrices as integers with a scale per output, the rest exact
)

var precisionNames = [...]string{Float32: "float32", BFloat16: "bfloat16", Int8: "int8"}

// String returns the name that [ParsePrecision] reads.
func (p Precision) String() string {
	if p < 0 || int(p) >= len(precisionNames) {
		return fmt.Sprintf("Precision(%d)", int(p))
	}
	return precisionNames[p]
}

// ParsePrecision returns the precision named float32, bfloat16 or int8, or an
// [InputError].
func ParsePrecision(name string) (Precision, error) {
	i := slices.Index(precisionNames[:], name)
	if i < 0 {
		return 0, inputError("precision", strings.Join(precisionNames[:], ", "), "%q", name)
	}
	return Precision(i), nil
}

// maxHeader bounds the JSON header of a weights file.
const maxHeader = 8 << 20

// FormatError reports a file that is not what it should be.
type FormatError struct {
	What string // which part of the file
	Why  string
}

// Error implements error.
func (e *FormatError) Error() string {
	return fmt.Sprintf("lassode: weights file: %s: %s", e.What, e.Why)
}

// namedTensor is one entry of a safetensors file.
type namedTensor struct {
	name  string
	shape []int
	data  []float32
	codes []int8 // if not nil, data are these times the scale of their column
	scale []float32
	exact bool // float32 whatever the precision of the file
}

// format returns the name and the bytes of the number format of t.
func (t *namedTensor) format(p Precision) (string, int) {
	switch {
	case t.codes != nil:
		return "I8", 1
	case p == BFloat16 && !t.exact:
		return "BF16", 2
	}
	return "F32", 4
}

// size returns the number of values of t.
func (t *namedTensor) size() int { return max(len(t.data), len(t.codes)) }

// formatBytes are the number formats of files and their sizes.
var formatBytes = map[string]int{"F32": 4, "BF16": 2, "I8": 1}

// scaleSuffix is added to the name of a tensor of integers for that of its scales.
const scaleSuffix = ".scale"

// leastCodes is the least number of values of a matrix that is stored as integers:
// smaller ones save nothing.
const leastCodes = 4096

// quantise stores every matrix [in, out] of at least least values as integers from -127 to 127 with
// the same shape and, under its name with scaleSuffix, the scales [out] of its
// columns, each about the largest magnitude over 127:
//
//	value[i, j] = scale[j] * code[i, j].
//
// Scales have 16 significant bits, so that this product is exact in float32, and a
// model that is loaded and stored again gives the same file.
func quantise(tensors []namedTensor, least int) []namedTensor {
	var out []namedTensor
	for _, t := range tensors {
		if t.exact || len(t.shape) != 2 || len(t.data) < least {
			out = append(out, t)
			continue
		}
		columns := t.shape[1]
		scale := make([]float32, columns)
		for i, v := range t.data {
			scale[i%columns] = max(scale[i%columns], v, -v)
		}
		for j, top := range scale {
			scale[j] = math.Float32frombits((math.Float32bits(top/127) + 0xff) &^ 0xff)
		}
		codes := make([]int8, len(t.data))
		for i, v := range t.data {
			if s := float64(scale[i%columns]); s > 0 {
				codes[i] = int8(min(max(math.RoundToEven(float64(v)/s), -127), 127))
			}
		}
		out = append(out, namedTensor{name: t.name, shape: t.shape, codes: codes},
			namedTensor{name: t.name + scaleSuffix, shape: []int{columns}, data: scale, exact: true})
	}
	return out
}

// dequantise gives tensors of integers their values and drops their scales.
func dequantise(tensors []namedTensor) ([]namedTensor, error) {
	scales := map[string]*namedTensor{}
	for i := range tensors {
		if t := &tensors[i]; t.codes != nil {
			scales[t.name+scaleSuffix] = nil
		}
	}
	if len(scales) == 0 {
		return tensors, nil
	}
	for i := range tensors {
		if t := &tensors[i]; t.codes == nil {
			if _, ok := scales[t.name]; ok {
				scales[t.name] = t
			}
		}
	}
	var out []namedTensor
	for _, t := range tensors {
		if _, ok := scales[t.name]; ok && t.codes == nil {
			continue
		}
		if t.codes != nil {
			s := scales[t.name+scaleSuffix]
			if s == nil {
				return nil, &FormatError{fmt.Sprintf("tensor %q", t.name), fmt.Sprintf("integers, without %q", t.name+scaleSuffix)}
			}
			if len(t.shape) != 2 || len(s.shape) != 1 || s.shape[0] != t.shape[1] {
				return nil, &FormatError{fmt.Sprintf("tensor %q", s.name), fmt.Sprintf("shape %v does not fit %v integers", s.shape, t.shape)}
			}
			for j, v := range s.data {
				if !(v >= 0 && v <= math.MaxFloat32) {
					return nil, &FormatError{fmt.Sprintf("tensor %q", s.name), fmt.Sprintf("scale %v at %d, want a finite number that is not negative", v, j)}
				}
			}
			t.data = make([]float32, len(t.codes))
			for i, c := range t.codes {
				t.data[i] = s.data[i%len(s.data)] * float32(c)
			}
			t.scale = s.data
		}
		out = append(out, t)
	}
	return out, nil
}

type tensorEntry struct {
	DType   string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets [2]int `json:"data_offsets"`
}

// writeTensors writes a safetensors file: the length of the header, the header
// as JSON, the data. Tensors of one byte a value come last, so that the others are
// aligned.
func writeTensors(w io.Writer, metadata map[string]string, tensors []namedTensor, p Precision) error {
	tensors = slices.Clone(tensors)
	slices.SortStableFunc(tensors, func(a, b namedTensor) int {
		return cmp.Compare(min(len(a.codes), 1), min(len(b.codes), 1))
	})
	header := map[string]any{"__metadata__": metadata}
	offset := 0
	for _, t := range tensors {
		dtype, size := t.format(p)
		header[t.name] = tensorEntry{DType: dtype, Shape: t.shape, Offsets: [2]int{offset, offset + size*t.size()}}
		offset += size * t.size()
	}
	text, err := json.Marshal(header) // map keys are sorted: the same bytes each time
	if err != nil {
		return err
	}
	for len(text)%8 != 0 { // readers may map the data, which wants alignment
		text = append(text, ' ')
	}
	if err := binary.Write(w, binary.LittleEndian, uint64(len(text))); err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	buf := make([]byte, 0, 1<<16)
	for _, t := range tensors {
		_, size := t.format(p)
		for i, c := range t.codes {
			buf = append(buf, byte(c))
			if len(buf) == cap(buf) || i == len(t.codes)-1 {
				if _, err := w.Write(buf); err != nil {
					return err
				}
				buf = buf[:0]
			}
		}
		for i, v := range t.data {
			bits := math.Float32bits(v)
			if size == 2 {
				// Round to nearest even; NaN would become infinity.
				if v == v {
					bits += 0x7fff + bits>>16&1
				}
				buf = binary.LittleEndian.AppendUint16(buf, uint16(bits>>16))
			} else {
				buf = binary.LittleEndian.AppendUint32(buf, bits)
			}
			if len(buf) > 1<<16-8 || i == len(t.data)-1 {
				if _, err := w.Write(buf); err != nil {
					return err
				}
				buf = buf[:0]
			}
		}
	}
	return nil
}

// readTensors reads a safetensors file whose tensors are all F32, BF16 or, with
// scales, I8. It never allocates more than the file has bytes, times a small
// factor.
func readTensors(r io.Reader) (map[string]string, []namedTensor, error) {
	var length uint64
	if err := binary.Read(r, binary.LittleEndian, &length); err != nil {
		return nil, nil, &FormatError{"header length", "the file is shorter than 8 bytes"}
	}
	if length < 2 || length > maxHeader {
		return nil, nil, &FormatError{"header length", fmt.Sprintf("%d, want 2 to %d: not a safetensors file of ours", length, maxHeader)}
	}
	text, err := io.ReadAll(io.LimitReader(r, int64(length)))
	if err != nil {
		return nil, nil, err
	}
	if uint64(len(text)) < length {
		return nil, nil, &FormatError{"header", fmt.Sprintf("truncated: %d of %d bytes", len(text), length)}
	}
	if err := jsonkeys.Check(text); err != nil {
		return nil, nil, &FormatError{"header", err.Error()}
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, nil, &FormatError{"header", "not JSON: " + err.Error()}
	}
	metadata := map[string]string{}
	var entries []tensorEntry
	var out []namedTensor
	for name, part := range raw {
		if name == "__metadata__" {
			if err := json.Unmarshal(part, &metadata); err != nil {
				return nil, nil, &FormatError{"__metadata__", "not a map of strings: " + err.Error()}
			}
			continue
		}
		var e tensorEntry
		if err := json.Unmarshal(part, &e); err != nil {
			return nil, nil, &FormatError{fmt.Sprintf("tensor %q", name), err.Error()}
		}
		n, size := 1, formatBytes[e.DType]
		if size == 0 {
			return nil, nil, &FormatError{fmt.Sprintf("tensor %q", name), fmt.Sprintf("type %q, want F32, BF16 or I8", e.DType)}
		}
		if len(e.Shape) > 5 {
			return nil, nil, &FormatError{fmt.Sprintf("tensor %q", name), fmt.Sprintf("%d axes, want at most 5", len(e.Shape))}
		}
		for _, d := range e.Shape {
			if d < 0 || d > 1<<28 || n*max(d, 1) > 1<<28 {
				return nil, nil, &FormatError{fmt.Sprintf("tensor %q", name), fmt.Sprintf("shape %v is too large", e.Shape)}
			}
			n *= d
		}
		if e.Offsets[0] < 0 || e.Offsets[1]-e.Offsets[0] != n*size {
			return nil, nil, &FormatError{fmt.Sprintf("tensor %q", name), fmt.Sprintf("bytes %v do not hold shape %v of %s", e.Offsets, e.Shape, e.DType)}
		}
		out = append(out, namedTensor{name: name, shape: e.Shape})
		entries = append(entries, e)
	}
	// Data must follow one another without holes: then the total is known.
	order := make([]int, len(out))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if d := entries[a].Offsets[0] - entries[b].Offsets[0]; d != 0 {
			return d
		}
		if d := entries[a].Offsets[1] - entries[b].Offsets[1]; d != 0 {
			return d
		}
		return strings.Compare(out[a].name, out[b].name)
	})
	end := 0
	sorted := make([]namedTensor, 0, len(out))
	for _, i := range order {
		e := entries[i]
		if e.Offsets[0] != end {
			return nil, nil, &FormatError{fmt.Sprintf("tensor %q", out[i].name), fmt.Sprintf("starts at byte %d, want %d: data overlap or have holes", e.Offsets[0], end)}
		}
		data, err := io.ReadAll(io.LimitReader(r, int64(e.Offsets[1]-end)))
		if err != nil {
			return nil, nil, err
		}
		if len(data) != e.Offsets[1]-end {
			return nil, nil, &FormatError{fmt.Sprintf("tensor %q", out[i].name), fmt.Sprintf("truncated: %d of %d bytes", len(data), e.Offsets[1]-end)}
		}
		end = e.Offsets[1]
		t := out[i]
		switch e.DType {
		case "F32":
			t.data = make([]float32, len(data)/4)
			for j := range t.data {
				t.data[j] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*j:]))
			}
		case "BF16":
			t.data = make([]float32, len(data)/2)
			for j := range t.data {
				t.data[j] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(data[2*j:])) << 16)
			}
		case "I8":
			t.codes = make([]int8, len(data))
			for j, c := range data {
				t.codes[j] = int8(c)
			}
		}
		sorted = append(sorted, t)
	}
	if n, err := r.Read(make([]byte, 1)); n > 0 {
		return nil, nil, &FormatError{"data", fmt.Sprintf("go on after byte %d, where the last tensor ends", end)}
	} else if err != nil && err != io.EOF {
		return nil, nil, err
	}
	sorted, err = dequantise(sorted)
	return metadata, sorted, err
}

// parameterTensors views all parameters as named tensors; values replaces
// their data and has the same layout.
func parameterTensors(p *tensor.Params, values []float32, prefix string) []namedTensor {
	var out []namedTensor
	for i := range p.Count() {
		id := tensor.ParamID(i)
		var shape []int
		for a := range p.Shape(id).Rank() {
			shape = append(shape, p.Shape(id).Dim(a))
		}
		at := p.Offset(id)
		out = append(out, namedTensor{name: prefix + p.Name(id), shape: shape, data: values[at : at+p.Shape(id).Size()]})
	}
	return out
}

// fill copies tensors into the places of want, which must match by name and
// size and be complete.
func fillTensors(want, got []namedTensor) error {
	have := make(map[string]namedTensor, len(got))
	for _, t := range got {
		have[t.name] = t
	}
	for _, t := range want {
		g, ok := have[t.name]
		if !ok {
			return &FormatError{fmt.Sprintf("tensor %q", t.name), "missing"}
		}
		if !slices.Equal(g.shape, t.shape) {
			return &FormatError{fmt.Sprintf("tensor %q", t.name), fmt.Sprintf("shape %v, want %v", g.shape, t.shape)}
		}
		for i, v := range g.data {
			if v != v || math.IsInf(float64(v), 0) {
				return &FormatError{fmt.Sprintf("tensor %q", t.name), fmt.Sprintf("value %v at %d, want finite numbers", v, i)}
			}
		}
		copy(t.data, g.data)
	}
	if len(got) != len(want) {
		return &FormatError{"tensors", fmt.Sprintf("%d, want %d", len(got), len(want))}
	}
	return nil
}

// Save writes the model as a safetensors file, with configuration, provenance
// and calibration as JSON strings in __metadata__. The runs that a fine-tuned
// model keeps as a library are stored in float32 at any precision.
//
// At Int8 a matrix M [in, out] of at least 4,096 values is a tensor M of type I8
// and its scales, a tensor M.scale [out] of type F32: a value is its integer times
// the scale of its column. Smaller tensors are F32.
func (m *Model) Save(w io.Writer, p Precision) error { return m.save(w, p, leastCodes) }

func (m *Model) save(w io.Writer, p Precision, least int) error {
	if p < Float32 || p > Int8 {
		return inputError("precision", "Float32, BFloat16 or Int8", "%d", p)
	}
	meta := map[string]string{"format": "lassode"}
	for name, v := range map[string]any{"config": m.net.cfg, "provenance": m.provenance, "calibration": m.calibration} {
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		meta[name] = string(text)
	}
	tensors := parameterTensors(m.net.params, m.net.params.Data(), "")
	if m.fleet != nil {
		library, header, err := m.fleet.tensors()
		if err != nil {
			return err
		}
		meta["library"] = header
		tensors = append(tensors, library...)
	}
	if p == Int8 {
		tensors = quantise(tensors, least)
	}
	return writeTensors(w, meta, tensors, p)
}

// decodeStrict reads JSON that may hold only known fields.
func decodeStrict(text string, v any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// Load reads a model written by Save, of any precision. Forecasts of one of Int8
// multiply by the integers on a processor with AVX-512 VNNI, where that is faster;
// others read them as float32. A truncated, foreign
// or hostile file gives a [FormatError] or [InputError]; memory stays within a
// small multiple of what the file holds.
func Load(r io.Reader) (*Model, error) {
	if r == nil {
		return nil, inputError("reader", "one of a weights file", "nil")
	}
	meta, tensors, err := readTensors(r)
	if err != nil {
		return nil, err
	}
	if meta["format"] != "lassode" {
		return nil, &FormatError{"__metadata__.format", fmt.Sprintf("%q, want \"lassode\": weights of another program", meta["format"])}
	}
	var cfg Config
	m := &Model{}
	if err := decodeStrict(meta["config"], &cfg); err != nil {
		return nil, &FormatError{"__metadata__.config", err.Error()}
	}
	if err := decodeStrict(meta["provenance"], &m.provenance); err != nil {
		return nil, &FormatError{"__metadata__.provenance", err.Error()}
	}
	if err := decodeStrict(meta["calibration"], &m.calibration); err != nil {
		return nil, &FormatError{"__metadata__.calibration", err.Error()}
	}
	if m.provenance.FormatVersion != formatVersion {
		return nil, &FormatError{"__metadata__.provenance", fmt.Sprintf("format version %d, want %d", m.provenance.FormatVersion, formatVersion)}
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := m.calibration.validate(); err != nil {
		return nil, err
	}
	if tensors, err = m.loadFleet(meta["library"], tensors); err != nil {
		return nil, err
	}
	held := 0
	for _, t := range tensors {
		held += len(t.data)
	}
	if bound := cfg.parameterBound(); held*4 < bound {
		return nil, &FormatError{"tensors", fmt.Sprintf("%d values, the configuration wants about %d", held, bound)}
	}
	m.net = newNetwork(cfg)
	if err := fillTensors(parameterTensors(m.net.params, m.net.params.Data(), ""), tensors); err != nil {
		return nil, err
	}
	if asm.HasInt8() {
		for _, t := range tensors {
			if t.codes != nil {
				t.data = nil // they are in the network
				m.integers = append(m.integers, t)
			}
		}
	}
	return m, nil
}

// libraryHeader describes the library tensors of a fine-tuned model.
type libraryHeader struct {
	Weight  float64 `json:"weight"`
	Offsets []int   `json:"offsets"` // first row of each run, and the end
	// Levels are added to the values of each channel, which float32 would else round
	// more than they differ.
	Levels []float64 `json:"levels"`
	// Names are those of the channels; none where they have none, or in older files.
	Names []string `json:"names,omitempty"`
}

// Names of the library tensors.
const (
	libraryTimes  = "library.times"
	libraryValues = "library.values"
)

// tensors returns the runs of f as tensors [rows] and [rows, channels].
func (f *fleet) tensors() ([]namedTensor, string, error) {
	h := libraryHeader{Weight: f.weight, Offsets: []int{0}, Levels: f.levels, Names: f.names}
	var times, values []float32
	for _, s := range f.series {
		for i, t := range s.Times {
			times = append(times, float32(t))
			for c, v := range s.Values[i] {
				values = append(values, float32(v-f.levels[c]))
			}
		}
		h.Offsets = append(h.Offsets, len(times))
	}
	text, err := json.Marshal(h)
	return []namedTensor{
		{name: libraryTimes, shape: []int{len(times)}, data: times, exact: true},
		{name: libraryValues, shape: []int{len(times), f.library.Channels()}, data: values, exact: true},
	}, string(text), err
}

// loadFleet takes the library, if there is one, out of tensors.
func (m *Model) loadFleet(header string, tensors []namedTensor) ([]namedTensor, error) {
	var times, values *namedTensor
	var rest []namedTensor
	for i := range tensors {
		switch t := &tensors[i]; t.name {
		case libraryTimes:
			times = t
		case libraryValues:
			values = t
		default:
			rest = append(rest, *t)
		}
	}
	if header == "" && times == nil && values == nil {
		return rest, nil
	}
	var h libraryHeader
	if err := decodeStrict(header, &h); err != nil {
		return nil, &FormatError{"__metadata__.library", err.Error()}
	}
	bad := func(why string) error { return &FormatError{"library", why} }
	if times == nil || values == nil || len(times.shape) != 1 || len(values.shape) != 2 || values.shape[0] != times.shape[0] {
		return nil, bad("times [rows] and values [rows, channels] do not fit")
	}
	rows, channels := values.shape[0], values.shape[1]
	if channels < 1 || channels > MaxChannels || rows > MaxRows || !(h.Weight > 0 && h.Weight <= 1e3) {
		return nil, bad(fmt.Sprintf("%d rows of %d channels with weight %v", rows, channels, h.Weight))
	}
	if len(h.Levels) != channels {
		return nil, bad(fmt.Sprintf("%d levels of %d channels", len(h.Levels), channels))
	}
	if len(h.Names) != 0 && len(h.Names) != channels {
		return nil, bad(fmt.Sprintf("%d names of %d channels", len(h.Names), channels))
	}
	if len(h.Offsets) < 2 || h.Offsets[0] != 0 || h.Offsets[len(h.Offsets)-1] != rows {
		return nil, bad(fmt.Sprintf("offsets do not cover %d rows", rows))
	}
	var series []Series
	for i, lo := range h.Offsets[:len(h.Offsets)-1] {
		hi := h.Offsets[i+1]
		if hi <= lo || hi > rows {
			return nil, bad(fmt.Sprintf("run %d holds rows %d to %d", i, lo, hi))
		}
		s := Series{}
		for r := lo; r < hi; r++ {
			row := make([]float64, channels)
			for c := range row {
				row[c] = h.Levels[c] + float64(values.data[r*channels+c])
			}
			s.Times = append(s.Times, float64(times.data[r]))
			s.Values = append(s.Values, row)
		}
		if err := s.Validate(); err != nil {
			return nil, within(fmt.Sprintf("library[%d]", i), err)
		}
		series = append(series, s)
	}
	f := fleetOf(series, h.Levels)
	if f == nil {
		return nil, bad("a run has a channel without enough values")
	}
	m.fleet = f.weighted(h.Weight)
	if len(h.Names) > 0 {
		m.fleet.names = h.Names
	}
	return rest, nil
}

// trainingState is what the state file says beside its tensors.
type trainingState struct {
	Config  Config       `json:"config"`
	Train   trainingPlan `json:"train"`
	Step    int          `json:"step"`
	Updates int64        `json:"updates"`
	Average int64        `json:"average_updates"`
	Skipped int          `json:"skipped"`
	Streak  int          `json:"streak"`
}

// trainingPlan holds the options that change the result: a run may only be
// resumed with the same ones. Those that may be empty are not known, of a source without a
// digest or of an earlier version, and then not compared.
type trainingPlan struct {
	Steps        int     `json:"steps"`
	Batch        int     `json:"batch"`
	Seed         uint64  `json:"seed"`
	LearningRate float64 `json:"learning_rate"`
	Trajectories int     `json:"trajectories"`
	ZooHash      string  `json:"zoo_hash,omitempty"`
	Source       string  `json:"source,omitempty"`
	Calibration  string  `json:"calibration,omitempty"`
	From         string  `json:"from,omitempty"`
}

// newTrainingPlan describes a run with options whose defaults are filled in.
func newTrainingPlan(src Source, opt TrainOptions) trainingPlan {
	p := trainingPlan{Steps: opt.Steps, Batch: opt.Batch, Seed: opt.Seed, LearningRate: opt.LearningRate,
		Trajectories: src.Len(), ZooHash: opt.ZooHash, Source: digest(src), Calibration: "nil", From: "nil"}
	if opt.Calibration != nil {
		p.Calibration = strings.TrimSpace(fmt.Sprintf("%d trajectories %s", opt.Calibration.Len(), digest(opt.Calibration)))
	}
	if opt.From != nil {
		sum := fnv.New64a()
		binary.Write(sum, binary.LittleEndian, opt.From.net.params.Data()) // a hash returns no error
		p.From = fmt.Sprintf("weights of digest %016x", sum.Sum64())
	}
	return p
}

// digest identifies the trajectories of a source that can do so; empty for others.
func digest(src Source) string {
	if d, ok := src.(interface{ Digest() string }); ok {
		return d.Digest()
	}
	return ""
}

// resumes returns an [InputError] that names the first option that is not the one of the run
// to resume, p, or nil.
func (p trainingPlan) resumes(now trainingPlan) error {
	for _, f := range []struct {
		name    string
		was, is any
	}{
		{"TrainOptions.Steps", p.Steps, now.Steps},
		{"TrainOptions.Batch", p.Batch, now.Batch},
		{"TrainOptions.Seed", p.Seed, now.Seed},
		{"TrainOptions.LearningRate", p.LearningRate, now.LearningRate},
		{"number of trajectories", p.Trajectories, now.Trajectories},
		{"TrainOptions.ZooHash", p.ZooHash, now.ZooHash},
		{"digest of the trajectories", p.Source, now.Source},
		{"TrainOptions.Calibration", p.Calibration, now.Calibration},
		{"TrainOptions.From", p.From, now.From},
	} {
		if f.was != f.is && f.was != "" {
			return inputError(f.name, fmt.Sprintf("%v, that of the run to resume", f.was), "%v", f.is)
		}
	}
	return nil
}

// stateTensors views all of the trainer's state.
func (tr *trainer) stateTensors() []namedTensor {
	p := tr.net.params
	out := parameterTensors(p, p.Data(), "weights.")
	out = append(out, parameterTensors(p, tr.average.Data(), "average.")...)
	for _, s := range tr.optim.State() {
		var shape []int
		for a := range s.Shape.Rank() {
			shape = append(shape, s.Shape.Dim(a))
		}
		out = append(out, namedTensor{name: "optimiser." + s.Name, shape: shape, data: s.Data})
	}
	return out
}

// save writes the averaged weights and the training state, if they are finite.
func (tr *trainer) save() error {
	if !tr.healthy() {
		return errSick
	}
	path := tr.train.Checkpoint
	state, err := json.Marshal(trainingState{Config: tr.net.cfg, Train: tr.plan, Step: tr.step,
		Updates: tr.optim.StepCount(), Average: tr.average.Count(), Skipped: tr.skipped, Streak: tr.streak})
	if err != nil {
		return err
	}
	meta := map[string]string{"format": "lassode training state", "state": string(state)}
	err = atomicfile.Write(path+".state", func(w io.Writer) error {
		var buf bytes.Buffer
		if err := writeTensors(&buf, meta, tr.stateTensors(), Float32); err != nil {
			return err
		}
		_, err := w.Write(buf.Bytes())
		return err
	})
	if err != nil {
		return fmt.Errorf("lassode: saving the training state: %w", err)
	}
	m := tr.model()
	if err := atomicfile.Write(path, func(w io.Writer) error { return m.Save(w, Float32) }); err != nil {
		return fmt.Errorf("lassode: saving the weights: %w", err)
	}
	return nil
}

// resume loads the state beside the checkpoint, if there is one.
func (tr *trainer) resume() error {
	f, err := os.Open(tr.train.Checkpoint + ".state")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	meta, tensors, err := readTensors(f)
	if err != nil {
		return err
	}
	var state trainingState
	if err := decodeStrict(meta["state"], &state); err != nil {
		return &FormatError{"__metadata__.state", err.Error()}
	}
	if state.Config != tr.net.cfg {
		return inputError("config", fmt.Sprintf("%+v, that of the run to resume", state.Config), "%+v", tr.net.cfg)
	}
	if err := state.Train.resumes(tr.plan); err != nil {
		return err
	}
	if state.Step < 0 || state.Step > tr.train.Steps || state.Skipped < 0 || state.Skipped > state.Step ||
		state.Streak < 0 || state.Streak > state.Skipped || state.Updates < 0 || state.Updates > int64(state.Step) ||
		state.Average < 0 || state.Average > int64(state.Step) {
		return &FormatError{"__metadata__.state", fmt.Sprintf("counts %d steps of %d, %d left out, %d in a row, %d updates and %d of the average, which do not fit",
			state.Step, tr.train.Steps, state.Skipped, state.Streak, state.Updates, state.Average)}
	}
	if err := fillTensors(tr.stateTensors(), tensors); err != nil {
		return err
	}
	tr.step, tr.skipped, tr.streak = state.Step, state.Skipped, state.Streak
	tr.optim.SetStepCount(state.Updates)
	tr.average.SetCount(state.Average)
	return nil
}
