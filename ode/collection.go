package ode

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/internal/atomicfile"
	"github.com/lassode/lassode/internal/jsonkeys"
)

// A collection is a folder:
//
//	manifest.json              counts, sizes and SHA-256 of the shards
//	shard-000000.safetensors   some thousand trajectories
//
// A shard is an ordinary safetensors file. With N trajectories it holds
//
//	values         F32 [...]   rows x channels of each trajectory, one after another
//	times          F32 or F64 [...]   F32 where that is exact
//	offsets        I64 [N+1]   first row of each trajectory in times
//	value_offsets  I64 [N+1]   first element of each trajectory in values
//	channels       I32 [N]
//	family         I32 [N]     index into the metadata entry "families", a JSON list
//	seed, index    I64 [N]     arguments of Generate
//
// and, in its metadata, "format" and "families".

const (
	collectionFormat  = "lassode-collection-1"
	manifestName      = "manifest.json"
	maxManifest       = 64 << 20
	maxShardHeader    = 16 << 20
	defaultShard      = 8192
	maxShardSeries    = 1 << 24
	flushedShardAlign = 8
	meanTrajectory    = 8900 // bytes on disk, over the whole zoo
)

// ErrCollection is wrapped by every error about the contents of a collection:
// damaged, truncated or not a collection at all.
var ErrCollection = errors.New("ode: not a valid collection")

func damaged(file, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrCollection, file, fmt.Sprintf(format, args...))
}

// Manifest describes a collection; it is the contents of manifest.json.
type Manifest struct {
	Format       string          `json:"format"`
	Seed         uint64          `json:"seed"`
	ZooHash      string          `json:"zoo_hash"`
	Trajectories int             `json:"trajectories"`
	Bytes        int64           `json:"bytes"`
	Shards       []ManifestShard `json:"shards"`
	Families     map[string]int  `json:"families"` // trajectories of each family
}

// ManifestShard describes one file of a collection.
type ManifestShard struct {
	File         string `json:"file"`
	Trajectories int    `json:"trajectories"`
	Bytes        int64  `json:"bytes"`
	SHA256       string `json:"sha256"`
}

func shardName(i int) string { return fmt.Sprintf("shard-%06d.safetensors", i) }

// WriteOptions steers [WriteCollection]. The zero value writes with all
// processors and refuses to touch an existing collection.
type WriteOptions struct {
	// Bytes, when positive, stops at the first shard at which the collection
	// has at least that size. With n > 0 as well, whichever comes first.
	Bytes int64
	// Workers generate at the same time; 0 means GOMAXPROCS. The files do not
	// depend on it.
	Workers int
	// Resume continues a collection of the same seed and zoo that was cut off,
	// or extends a finished one.
	Resume bool
	// ShardTrajectories is the number of trajectories in a shard; 0 means 8192
	// (about 70 MB). A resumed collection keeps complete shards of any size.
	ShardTrajectories int
	// Progress, if not nil, is called by the calling goroutine: at the start, a
	// few times a second, and when a shard has been made.
	Progress func(WriteProgress)
}

// WriteProgress reports how far [WriteCollection] is.
type WriteProgress struct {
	Trajectories      int           // made so far, resumed ones included; up to two shards of them not yet on disk
	TotalTrajectories int           // 0 when only a size was asked for
	Bytes             int64         // made so far
	TotalBytes        int64         // 0 when only a count was asked for
	Shards            int           // on disk, resumed ones included
	PlannedShards     int           // in all: planned at the start; of a size about
	Elapsed           time.Duration // of this call
}

// WriteCollection writes trajectories 0 to n-1 of [Generate] for seed into the
// folder dir, which it makes if need be; n = 0 with opt.Bytes set writes until
// that size. A shard and then the manifest are written to a temporary file,
// synced and renamed, so that a kill at any moment loses at most the shard in
// progress; on cancellation of ctx the shard in progress is dropped and the
// error is that of ctx. Equal arguments give equal files. A disk that is too
// small for what is asked is an error before anything is made, where the system
// tells its free space (Linux, macOS, FreeBSD).
func WriteCollection(ctx context.Context, dir string, seed uint64, n int, opt WriteOptions) (Manifest, error) {
	if n < 0 || n == 0 && opt.Bytes <= 0 {
		return Manifest{}, fmt.Errorf("ode: n is %d and Bytes %d, want one of them positive", n, opt.Bytes)
	}
	per := opt.ShardTrajectories
	if per <= 0 {
		per = defaultShard
	}
	if per > maxShardSeries {
		return Manifest{}, fmt.Errorf("ode: ShardTrajectories is %d, want at most %d", per, maxShardSeries)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Manifest{}, err
	}
	m, err := readManifest(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		m = Manifest{Format: collectionFormat, Seed: seed, ZooHash: ZooHash(), Families: map[string]int{}}
	case err != nil:
		return m, err
	case !opt.Resume:
		return m, fmt.Errorf("ode: %s already holds a collection of %d trajectories; resume it or choose another folder", dir, m.Trajectories)
	case m.Seed != seed:
		return m, fmt.Errorf("ode: cannot resume %s: its seed is %d, not %d", dir, m.Seed, seed)
	case m.ZooHash != ZooHash():
		return m, fmt.Errorf("ode: cannot resume %s: it was made with zoo %s, this is %s", dir, m.ZooHash, ZooHash())
	default:
		for _, s := range m.Shards {
			info, err := os.Lstat(filepath.Join(dir, s.File))
			if err != nil || !info.Mode().IsRegular() || info.Size() != s.Bytes {
				return m, damaged(s.File, "missing or not %d bytes long; delete %s to start over", s.Bytes, manifestName)
			}
		}
	}
	// What a killed run left half written.
	for _, name := range []string{manifestName, shardName(len(m.Shards))} {
		if err := atomicfile.Discard(filepath.Join(dir, name)); err != nil {
			return m, err
		}
	}
	if m.Families == nil {
		m.Families = map[string]int{}
	}
	if err := checkSpace(dir, m, n, opt.Bytes); err != nil {
		return m, err
	}
	// The shard before is written while the next one is made: made and size run
	// ahead of m, which is what the disk has.
	made, size := m.Trajectories, m.Bytes
	var writing chan error
	var plan *shardPlan
	settle := func() error {
		if writing == nil {
			return nil
		}
		err := <-writing
		writing = nil
		if err != nil {
			return err
		}
		m.Shards = append(m.Shards, plan.shard)
		m.Trajectories, m.Bytes = m.Trajectories+plan.shard.Trajectories, m.Bytes+plan.shard.Bytes
		for i := range plan.records {
			m.Families[plan.records[i].family]++
		}
		return writeManifest(dir, m)
	}
	from := time.Now()
	planned := plannedShards(m, n, opt.Bytes, per)
	progress := func(more int, bytes int64) {
		if opt.Progress != nil {
			opt.Progress(WriteProgress{made + more, n, size + bytes, opt.Bytes, len(m.Shards), planned, time.Since(from)})
		}
	}
	progress(0, 0)
	for (n == 0 || made < n) && (opt.Bytes <= 0 || size < opt.Bytes) {
		count := per
		if n > 0 {
			count = min(count, n-made)
		}
		if left := opt.Bytes - size; opt.Bytes > 0 && made > 0 {
			// The last shard only as large as needed.
			each := size / int64(made)
			count = int(min(int64(count), left/max(each, 1)+1))
		} else if opt.Bytes > 0 {
			count = int(min(int64(count), left/meanTrajectory+1))
		}
		records, err := generateRecords(ctx, seed, made, count, opt.Workers, progress)
		if err == nil {
			err = settle()
		}
		if err != nil {
			err = errors.Join(err, settle()) // which changes m
			return m, err
		}
		if plan, err = planShard(len(m.Shards), seed, records); err != nil {
			return m, err
		}
		made, size = made+count, size+plan.shard.Bytes
		done := make(chan error, 1)
		go func(plan *shardPlan) { done <- plan.write(dir) }(plan)
		writing = done
		progress(0, 0)
	}
	err = settle() // which changes m
	return m, err
}

// plannedShards is the number of shards that n trajectories or size bytes in all
// will be in, whichever is less, with per trajectories in each that is not yet
// written.
func plannedShards(m Manifest, n int, size int64, per int) int {
	left := math.Inf(1)
	if n > 0 {
		left = float64(n - m.Trajectories)
	}
	if size > 0 {
		left = math.Min(left, float64(size-m.Bytes)/meanTrajectory)
	}
	return len(m.Shards) + int(math.Ceil(math.Max(left, 0)/float64(per)))
}

// checkSpace compares what is still to be written with the free space of the
// disk: n trajectories or size bytes in all, whichever is less.
func checkSpace(dir string, m Manifest, n int, size int64) error {
	free, known := freeBytes(dir)
	if !known {
		return nil
	}
	need := math.Inf(1)
	if size > 0 {
		need = float64(size - m.Bytes)
	}
	if n > 0 {
		need = math.Min(need, float64(n-m.Trajectories)*meanTrajectory)
	}
	if need > float64(free) {
		return fmt.Errorf("ode: %s needs about %.3g GB more, its disk has %.3g GB free", dir, need/1e9, float64(free)/1e9)
	}
	return nil
}

// record is a trajectory on its way to a shard.
type record struct {
	times    []float64
	values   []float32
	channels int
	family   string
	index    int
}

func generateRecords(ctx context.Context, seed uint64, first, count, workers int, progress func(done int, bytes int64)) ([]record, error) {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	records := make([]record, count)
	var next, done, bytes atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, count) {
		wg.Go(func() {
			generateAll(seed, func() (int, bool) {
				i := int(next.Add(1)) - 1
				return first + i, i < count && ctx.Err() == nil
			}, func(s lassode.Series, p Provenance) {
				r := record{times: s.Times, channels: s.Channels(), family: p.Family, index: p.Index}
				r.values = make([]float32, len(s.Times)*r.channels)
				for k, row := range s.Values {
					for c, v := range row {
						r.values[k*r.channels+c] = float32(v)
					}
				}
				records[p.Index-first] = r
				done.Add(1)
				bytes.Add(4 * int64(len(r.times)+len(r.values)))
			})
		})
	}
	finished := make(chan struct{})
	go func() { wg.Wait(); close(finished) }()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-finished:
			return records, ctx.Err()
		case <-tick.C:
			progress(int(done.Load()), bytes.Load())
		}
	}
}

// tensorInfo is an entry of a safetensors header.
type tensorInfo struct {
	DType   string   `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

func writeManifest(dir string, m Manifest) error {
	return atomicfile.Write(filepath.Join(dir, manifestName), func(w io.Writer) error {
		b, err := json.MarshalIndent(m, "", " ")
		if err != nil {
			return err
		}
		_, err = w.Write(append(b, '\n'))
		return err
	})
}

// openRegular opens a file of the folder dir for reading. A link, which could
// lead out of the folder, or a pipe, which could block, is an error.
func openRegular(dir, name string) (*os.File, int64, error) {
	path := filepath.Join(dir, name)
	before, err := os.Lstat(path)
	if err != nil {
		return nil, 0, err
	}
	if !before.Mode().IsRegular() {
		return nil, 0, damaged(name, "not a regular file but %v", before.Mode().Type())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	// Nor may it have become one since.
	after, err := f.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = damaged(name, "replaced while it was opened")
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, after.Size(), nil
}

func readManifest(dir string) (Manifest, error) {
	var m Manifest
	f, _, err := openRegular(dir, manifestName)
	if err != nil {
		return m, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return m, err
	}
	if len(b) > maxManifest {
		return m, damaged(manifestName, "longer than %d bytes", maxManifest)
	}
	if err := jsonkeys.Check(b); err != nil {
		return m, damaged(manifestName, "%v", err)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, damaged(manifestName, "%v", err)
	}
	if m.Format != collectionFormat {
		return m, damaged(manifestName, "format is %q, want %q", m.Format, collectionFormat)
	}
	count, bytes := 0, int64(0)
	for i, s := range m.Shards {
		// Names are not free: nothing outside the folder can be named.
		if s.File != shardName(i) {
			return m, damaged(manifestName, "shard %d is called %q, want %q", i, s.File, shardName(i))
		}
		if s.Trajectories < 1 || s.Trajectories > maxShardSeries || s.Bytes < 8 {
			return m, damaged(manifestName, "shard %d has %d trajectories in %d bytes", i, s.Trajectories, s.Bytes)
		}
		count += s.Trajectories
		bytes += s.Bytes
	}
	if count != m.Trajectories || bytes != m.Bytes {
		return m, damaged(manifestName, "its shards hold %d trajectories in %d bytes, not %d in %d", count, bytes, m.Trajectories, m.Bytes)
	}
	return m, nil
}

// shardPlan is a shard whose size is known and whose data are not yet written.
type shardPlan struct {
	shard    ManifestShard
	seed     uint64
	records  []record
	header   []byte
	familyID map[string]int32
	wide     bool // times are F64
}

func planShard(number int, seed uint64, records []record) (*shardPlan, error) {
	n := len(records)
	var families []string
	familyID := map[string]int32{}
	var rows, elements int64
	timeSize, timeType := int64(4), "F32"
	for i := range records {
		r := &records[i]
		if _, ok := familyID[r.family]; !ok {
			familyID[r.family] = int32(len(families))
			families = append(families, r.family)
		}
		rows += int64(len(r.times))
		elements += int64(len(r.values))
		for _, t := range r.times {
			if float64(float32(t)) != t {
				timeSize, timeType = 8, "F64"
			}
		}
	}
	list, err := json.Marshal(families)
	if err != nil {
		return nil, err
	}
	header := map[string]any{"__metadata__": map[string]string{"format": collectionFormat, "families": string(list)}}
	var at int64
	// Eight-byte types first, so that all of them are aligned.
	type part struct {
		name, dtype string
		count, size int64
	}
	parts := []part{
		{"offsets", "I64", int64(n) + 1, 8}, {"value_offsets", "I64", int64(n) + 1, 8},
		{"seed", "I64", int64(n), 8}, {"index", "I64", int64(n), 8},
		{"times", timeType, rows, timeSize},
		{"channels", "I32", int64(n), 4}, {"family", "I32", int64(n), 4},
		{"values", "F32", elements, 4},
	}
	for _, p := range parts {
		header[p.name] = tensorInfo{p.dtype, []int64{p.count}, [2]int64{at, at + p.count*p.size}}
		at += p.count * p.size
	}
	head, err := json.Marshal(header)
	if err != nil {
		return nil, err
	}
	for len(head)%flushedShardAlign != 0 {
		head = append(head, ' ')
	}
	return &shardPlan{ManifestShard{File: shardName(number), Trajectories: n, Bytes: 8 + int64(len(head)) + at},
		seed, records, head, familyID, timeSize == 8}, nil
}

// write writes the file and completes the shard's hash.
func (p *shardPlan) write(dir string) error {
	records := p.records
	return atomicfile.Write(filepath.Join(dir, p.shard.File), func(w io.Writer) error {
		sum := sha256.New()
		e := encoder{w: io.MultiWriter(w, sum), buf: make([]byte, 0, encoderBlock+8)}
		e.u64(uint64(len(p.header)))
		e.bytes(p.header)
		var offset int64
		for i := range records {
			e.u64(uint64(offset))
			offset += int64(len(records[i].times))
		}
		e.u64(uint64(offset))
		offset = 0
		for i := range records {
			e.u64(uint64(offset))
			offset += int64(len(records[i].values))
		}
		e.u64(uint64(offset))
		for range records {
			e.u64(p.seed)
		}
		for i := range records {
			e.u64(uint64(records[i].index))
		}
		for i := range records {
			for _, t := range records[i].times {
				if p.wide {
					e.u64(math.Float64bits(t))
				} else {
					e.u32(math.Float32bits(float32(t)))
				}
			}
		}
		for i := range records {
			e.u32(uint32(records[i].channels))
		}
		for i := range records {
			e.u32(uint32(p.familyID[records[i].family]))
		}
		for i := range records {
			for _, v := range records[i].values {
				e.u32(math.Float32bits(v))
			}
		}
		e.flush()
		p.shard.SHA256 = hex.EncodeToString(sum.Sum(nil))
		return e.err
	})
}

// encoder writes little-endian numbers in blocks and remembers the first error.
type encoder struct {
	w   io.Writer
	buf []byte
	err error
}

const encoderBlock = 1 << 18

func (e *encoder) flush() {
	if e.err == nil {
		_, e.err = e.w.Write(e.buf)
	}
	e.buf = e.buf[:0]
}

func (e *encoder) bytes(b []byte) {
	e.flush()
	e.buf = append(e.buf, b...)
}

func (e *encoder) u32(v uint32) {
	if len(e.buf) >= encoderBlock {
		e.flush()
	}
	e.buf = binary.LittleEndian.AppendUint32(e.buf, v)
}

func (e *encoder) u64(v uint64) {
	if len(e.buf) >= encoderBlock {
		e.flush()
	}
	e.buf = binary.LittleEndian.AppendUint64(e.buf, v)
}

// Collection reads a collection of trajectories; it implements lassode.Source.
// Each trajectory is read from its file when it is asked for, so that a
// collection may be larger than memory: what stays in memory is an index of 24
// bytes per trajectory. Files are not mapped, since the pages of a mapping count
// as the process's own and a disk error would kill it: a file that becomes
// unreadable or shorter gives an error. One file per shard is kept open. Safe
// for concurrent use.
type Collection struct {
	manifest Manifest
	dir      string
	shards   []*shardReader
	first    []int // number of the first trajectory of each shard, and the total
	buffers  sync.Pool
}

var _ lassode.Source = (*Collection)(nil)

// shardFile is an open file, or its bytes in memory.
type shardFile interface {
	io.ReaderAt
	io.Closer
}

type shardReader struct {
	name           string
	file           shardFile
	times, values  int64  // positions in the file
	seeds, indices int64  // positions in the file
	wide           bool   // times are F64
	offsets, vOff  []byte // I64
	chans, fam     []byte // I32
	families       []string
}

// OpenCollection opens the folder dir and checks that every index of every
// shard lies within its file; values are not read (see [Collection.Verify]).
// Damage is reported as [ErrCollection].
func OpenCollection(dir string) (*Collection, error) {
	m, err := readManifest(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s has no %s", ErrCollection, dir, manifestName)
		}
		return nil, err
	}
	if len(m.Shards) == 0 {
		return nil, damaged(manifestName, "no shards")
	}
	c := &Collection{manifest: m, dir: dir, first: []int{0}}
	for _, s := range m.Shards {
		r, err := openShard(dir, s)
		if err != nil {
			c.Close()
			return nil, err
		}
		c.shards = append(c.shards, r)
		c.first = append(c.first, c.first[len(c.first)-1]+s.Trajectories)
	}
	return c, nil
}

// OpenUndamaged is [OpenCollection] for a collection of which some shards are
// damaged or missing: it reads every shard as [Collection.Verify] does and leaves
// out those that fail, whose errors it returns beside the rest. Trajectories are
// numbered over the shards that are left. It fails where none is left, or where
// the manifest is damaged.
func OpenUndamaged(ctx context.Context, dir string) (*Collection, []error, error) {
	m, err := readManifest(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: %s has no %s", ErrCollection, dir, manifestName)
		}
		return nil, nil, err
	}
	var faults []error
	c := &Collection{manifest: m, dir: dir, first: []int{0}}
	c.manifest.Shards, c.manifest.Trajectories, c.manifest.Bytes = nil, 0, 0
	c.manifest.Families = map[string]int{}
	buf := make([]byte, 1<<20)
	for _, s := range m.Shards {
		r, err := openShard(dir, s)
		if err == nil {
			if err = verifyShard(ctx, dir, s, buf); err != nil {
				r.file.Close()
			}
		}
		if ctx.Err() != nil {
			c.Close()
			return nil, faults, ctx.Err()
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		c.shards = append(c.shards, r)
		c.manifest.Shards = append(c.manifest.Shards, s)
		c.manifest.Trajectories += s.Trajectories
		c.manifest.Bytes += s.Bytes
		c.first = append(c.first, c.manifest.Trajectories)
		for i := range s.Trajectories {
			c.manifest.Families[r.families[i32(r.fam, i)]]++
		}
	}
	if len(c.shards) == 0 {
		return nil, faults, damaged(manifestName, "none of its %d shards is whole", len(m.Shards))
	}
	return c, faults, nil
}

func openShard(dir string, s ManifestShard) (_ *shardReader, err error) {
	f, length, err := openRegular(dir, s.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, damaged(s.File, "missing")
	}
	if err != nil {
		return nil, err
	}
	r := &shardReader{name: s.File, file: f}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if length != s.Bytes {
		return nil, damaged(s.File, "%d bytes long, want %d", length, s.Bytes)
	}
	var word [8]byte
	if _, err = io.ReadFull(f, word[:]); err != nil {
		return nil, damaged(s.File, "%v", err)
	}
	size := binary.LittleEndian.Uint64(word[:])
	if size > maxShardHeader || int64(size) > s.Bytes-8 {
		return nil, damaged(s.File, "header of %d bytes", size)
	}
	head := make([]byte, size)
	if _, err = io.ReadFull(f, head); err != nil {
		return nil, damaged(s.File, "%v", err)
	}
	if err = jsonkeys.Check(head); err != nil {
		return nil, damaged(s.File, "header: %v", err)
	}
	var raw map[string]json.RawMessage
	if err = json.Unmarshal(head, &raw); err != nil {
		return nil, damaged(s.File, "header: %v", err)
	}
	var meta map[string]string
	if err = json.Unmarshal(raw["__metadata__"], &meta); err != nil {
		return nil, damaged(s.File, "metadata: %v", err)
	}
	if meta["format"] != collectionFormat {
		return nil, damaged(s.File, "format is %q, want %q", meta["format"], collectionFormat)
	}
	if err = json.Unmarshal([]byte(meta["families"]), &r.families); err != nil {
		return nil, damaged(s.File, "families: %v", err)
	}
	base, n := 8+int64(size), int64(s.Trajectories)
	if err = fullyCovered(raw, s.Bytes-base); err != nil {
		return nil, damaged(s.File, "%v", err)
	}
	// find returns position and length of a tensor; count < 0 means any.
	find := func(name, dtype string, width, count int64) (int64, int64, error) {
		var t tensorInfo
		if err := json.Unmarshal(raw[name], &t); err != nil {
			return 0, 0, damaged(s.File, "tensor %s: %v", name, err)
		}
		lo, hi := t.Offsets[0], t.Offsets[1]
		if t.DType != dtype || len(t.Shape) != 1 || (hi-lo)%width != 0 ||
			t.Shape[0] != (hi-lo)/width || count >= 0 && t.Shape[0] != count {
			return 0, 0, damaged(s.File, "tensor %s is %s %v at %v, want %s within %d bytes", name, t.DType, t.Shape, t.Offsets, dtype, s.Bytes-base)
		}
		return base + lo, hi - lo, nil
	}
	for _, t := range []struct {
		name, dtype string
		width, n    int64
		dst         *[]byte
		at          *int64
	}{
		{"offsets", "I64", 8, n + 1, &r.offsets, nil}, {"value_offsets", "I64", 8, n + 1, &r.vOff, nil},
		{"seed", "I64", 8, n, nil, &r.seeds}, {"index", "I64", 8, n, nil, &r.indices},
		{"channels", "I32", 4, n, &r.chans, nil}, {"family", "I32", 4, n, &r.fam, nil},
	} {
		at, length, findErr := find(t.name, t.dtype, t.width, t.n)
		if findErr != nil {
			err = findErr
			return nil, err
		}
		if t.at != nil {
			*t.at = at
			continue
		}
		*t.dst = make([]byte, length)
		if err = r.read(*t.dst, at); err != nil {
			return nil, err
		}
	}
	at, length, err := find("times", "F32", 4, -1)
	width := int64(4)
	if err != nil {
		if at, length, err = find("times", "F64", 8, -1); err != nil {
			return nil, err
		}
		width, r.wide = 8, true
	}
	r.times = at
	rows := length / width
	if r.values, length, err = find("values", "F32", 4, -1); err != nil {
		return nil, err
	}
	elements := length / 4
	// Every trajectory within the tensors: At needs no further checks.
	if i64(r.offsets, 0) != 0 || i64(r.vOff, 0) != 0 || i64(r.offsets, int(n)) != rows || i64(r.vOff, int(n)) != elements {
		err = damaged(s.File, "offsets do not span the data")
		return nil, err
	}
	for i := range int(n) {
		k := i64(r.offsets, i+1) - i64(r.offsets, i)
		e := i64(r.vOff, i+1) - i64(r.vOff, i)
		c := int64(i32(r.chans, i))
		if k < 1 || k > lassode.MaxRows || c < 1 || c > lassode.MaxChannels || e != k*c ||
			i64(r.offsets, i) > rows-k || i64(r.vOff, i) > elements-e {
			err = damaged(s.File, "trajectory %d: %d rows of %d channels in %d values", i, k, c, e)
			return nil, err
		}
		if id := i32(r.fam, i); id < 0 || int(id) >= len(r.families) {
			err = damaged(s.File, "trajectory %d: family %d of %d", i, id, len(r.families))
			return nil, err
		}
	}
	return r, nil
}

// fullyCovered checks that the tensors of a header follow one another without
// overlap or hole from 0 to size.
func fullyCovered(header map[string]json.RawMessage, size int64) error {
	type part struct {
		name   string
		lo, hi int64
	}
	var parts []part
	for name, text := range header {
		if name == "__metadata__" {
			continue
		}
		var t tensorInfo
		if err := json.Unmarshal(text, &t); err != nil {
			return fmt.Errorf("tensor %q: %v", name, err)
		}
		parts = append(parts, part{name, t.Offsets[0], t.Offsets[1]})
	}
	slices.SortFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(a.lo, b.lo), cmp.Compare(a.hi, b.hi), cmp.Compare(a.name, b.name))
	})
	end := int64(0)
	for _, p := range parts {
		if p.lo != end || p.hi < p.lo || p.hi > size {
			return fmt.Errorf("tensor %q is at bytes [%d, %d), want to start at %d and end within %d: overlap, hole or truncated", p.name, p.lo, p.hi, end, size)
		}
		end = p.hi
	}
	if end != size {
		return fmt.Errorf("its tensors take %d bytes of %d", end, size)
	}
	return nil
}

func i64(b []byte, i int) int64 { return int64(binary.LittleEndian.Uint64(b[8*i:])) }
func i32(b []byte, i int) int32 { return int32(binary.LittleEndian.Uint32(b[4*i:])) }

// read fills b from position at.
func (r *shardReader) read(b []byte, at int64) error {
	_, err := r.file.ReadAt(b, at)
	if errors.Is(err, fs.ErrClosed) {
		return fmt.Errorf("ode: the collection is closed: %w", err)
	}
	if err != nil {
		return damaged(r.name, "%v", err)
	}
	return nil
}

// Close closes the shards. Afterwards At and Origin give an error that wraps
// [fs.ErrClosed]; series that At returned stay valid. Closing again does nothing.
func (c *Collection) Close() error {
	var err error
	for _, r := range c.shards {
		if e := r.file.Close(); !errors.Is(e, fs.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// Len returns the number of trajectories.
func (c *Collection) Len() int { return c.manifest.Trajectories }

// Digest identifies the trajectories by the hashes of the shards that they are in.
func (c *Collection) Digest() string {
	sum := sha256.New()
	for _, s := range c.manifest.Shards {
		fmt.Fprintln(sum, s.SHA256)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// Manifest returns the description of the collection.
func (c *Collection) Manifest() Manifest { return c.manifest }

// locate panics with the index when it is out of range, as a slice would.
func (c *Collection) locate(i int) (*shardReader, int) {
	if i < 0 || i >= c.Len() {
		panic(fmt.Sprintf("ode: trajectory %d of a collection of %d", i, c.Len()))
	}
	k := sort.SearchInts(c.first, i+1) - 1
	return c.shards[k], i - c.first[k]
}

// Channels returns the number of channels of trajectory i; it panics when there
// is no such trajectory.
func (c *Collection) Channels(i int) int {
	r, k := c.locate(i)
	return int(i32(r.chans, k))
}

// Family returns the family of trajectory i; it panics when there is no such
// trajectory.
func (c *Collection) Family(i int) string {
	r, k := c.locate(i)
	return r.families[i32(r.fam, k)]
}

// Origin reads the arguments of [Generate] that made trajectory i; it panics when
// there is no such trajectory.
func (c *Collection) Origin(i int) (seed uint64, index int, err error) {
	r, k := c.locate(i)
	var word [8]byte
	if err := r.read(word[:], r.seeds+8*int64(k)); err != nil {
		return 0, 0, err
	}
	seed = binary.LittleEndian.Uint64(word[:])
	if err := r.read(word[:], r.indices+8*int64(k)); err != nil {
		return 0, 0, err
	}
	return seed, int(i64(word[:], 0)), nil
}

// At returns a copy of trajectory i. Times that do not increase or are not
// finite are an error; values may be NaN but not infinite.
func (c *Collection) At(i int) (lassode.Series, error) {
	if i < 0 || i >= c.Len() {
		return lassode.Series{}, fmt.Errorf("ode: trajectory %d of a collection of %d", i, c.Len())
	}
	r, k := c.locate(i)
	row, rows := i64(r.offsets, k), int(i64(r.offsets, k+1)-i64(r.offsets, k))
	channels := int(i32(r.chans, k))
	width := int64(4)
	if r.wide {
		width = 8
	}
	timeBytes := rows * int(width)
	size := timeBytes + 4*rows*channels
	buffer, _ := c.buffers.Get().(*[]byte)
	if buffer == nil || cap(*buffer) < size {
		buffer = new([]byte)
		*buffer = make([]byte, size)
	}
	defer c.buffers.Put(buffer)
	tb, vb := (*buffer)[:timeBytes:timeBytes], (*buffer)[timeBytes:size:size]
	if err := r.read(tb, r.times+row*width); err != nil {
		return lassode.Series{}, err
	}
	if err := r.read(vb, r.values+4*i64(r.vOff, k)); err != nil {
		return lassode.Series{}, err
	}
	block := make([]float64, rows*(channels+1))
	s := lassode.Series{Times: block[:rows:rows], Values: make([][]float64, rows)}
	last := math.Inf(-1)
	for j := range s.Times {
		t := 0.0
		if r.wide {
			t = math.Float64frombits(binary.LittleEndian.Uint64(vecAt(tb, 8, j)))
		} else {
			t = float64(math.Float32frombits(binary.LittleEndian.Uint32(vecAt(tb, 4, j))))
		}
		if !(t > last) || math.IsInf(t, 0) {
			return lassode.Series{}, damaged(r.name, "trajectory %d: time %d is %v after %v", k, j, t, last)
		}
		s.Times[j], last = t, t
	}
	flat := block[rows:]
	for j := range flat {
		v := float64(math.Float32frombits(binary.LittleEndian.Uint32(vecAt(vb, 4, j))))
		if math.IsInf(v, 0) {
			return lassode.Series{}, damaged(r.name, "trajectory %d: value %d is infinite", k, j)
		}
		flat[j] = v
	}
	for j := range s.Values {
		s.Values[j] = flat[j*channels : (j+1)*channels : (j+1)*channels]
	}
	return s, nil
}

func vecAt(b []byte, width, i int) []byte { return b[i*width : (i+1)*width] }

// Verify reads every shard and compares its SHA-256 with the manifest.
func (c *Collection) Verify(ctx context.Context) error {
	buf := make([]byte, 1<<20)
	for _, s := range c.manifest.Shards {
		if err := verifyShard(ctx, c.dir, s, buf); err != nil {
			return err
		}
	}
	return nil
}

// verifyShard compares the SHA-256 of a shard with the manifest, reading through
// buf.
func verifyShard(ctx context.Context, dir string, s ManifestShard, buf []byte) error {
	sum := sha256.New()
	f, _, err := openRegular(dir, s.File)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := hashAll(ctx, sum, f, buf); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != s.SHA256 {
		return damaged(s.File, "SHA-256 is %s, want %s", got, s.SHA256)
	}
	return nil
}

func hashAll(ctx context.Context, sum hash.Hash, f io.Reader, buf []byte) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := f.Read(buf)
		sum.Write(buf[:n])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
