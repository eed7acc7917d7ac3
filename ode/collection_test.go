package ode

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode"
)

func TestCollectionRoundTrip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	calls := 0
	m, err := WriteCollection(context.Background(), dir, 11, 50, WriteOptions{ShardTrajectories: 20, Progress: func(p WriteProgress) {
		calls++
		require.LessOrEqual(t, p.Trajectories, 50)
		require.Equal(t, 50, p.TotalTrajectories)
	}})
	require.NoError(t, err)
	require.GreaterOrEqual(t, calls, 3)
	require.Len(t, m.Shards, 3)
	require.Equal(t, 50, m.Trajectories)
	require.Equal(t, ZooHash(), m.ZooHash)
	c, err := OpenCollection(dir)
	require.NoError(t, err)
	defer c.Close()
	require.Equal(t, 50, c.Len())
	require.NoError(t, c.Verify(context.Background()))
	families := map[string]int{}
	for i := range 50 {
		want, p := Generate(11, i)
		got, err := c.At(i)
		require.NoError(t, err)
		require.Equal(t, want, got, "exactly what the zoo makes")
		require.Equal(t, want.Channels(), c.Channels(i))
		require.Equal(t, p.Family, c.Family(i))
		seed, index, err := c.Origin(i)
		require.NoError(t, err)
		require.Equal(t, uint64(11), seed)
		require.Equal(t, i, index)
		families[p.Family]++
	}
	require.Equal(t, families, c.Manifest().Families)
	_, err = c.At(50)
	require.Error(t, err)
	require.Panics(t, func() { c.Channels(50) })
	t.Cleanup(func() {
		_, err := c.At(3)
		require.ErrorIs(t, err, os.ErrClosed)
		require.ErrorContains(t, err, "the collection is closed")
		require.NotErrorIs(t, err, ErrCollection)
		_, _, err = c.Origin(3)
		require.ErrorIs(t, err, os.ErrClosed)
		require.Positive(t, c.Channels(3))
		require.NotEmpty(t, c.Family(3))
		require.NoError(t, c.Close())
	})
	// A run is resumed on the same trajectories only.
	training, calibration := c.Split()
	for _, part := range []lassode.Source{training, calibration} {
		require.Equal(t, c.Digest(), part.(interface{ Digest() string }).Digest())
	}
	digests := map[string]bool{c.Digest(): true, Zoo{11, 50}.Digest(): true, Zoo{12, 50}.Digest(): true}
	for seed := range uint64(2) {
		other := t.TempDir()
		_, err := WriteCollection(context.Background(), other, seed, 2, WriteOptions{})
		require.NoError(t, err)
		o, err := OpenCollection(other)
		require.NoError(t, err)
		digests[o.Digest()] = true
		require.NoError(t, o.Close())
	}
	require.Len(t, digests, 5)

	_, err = WriteCollection(context.Background(), dir, 11, 50, WriteOptions{})
	require.ErrorContains(t, err, "already holds")
}

func TestCollectionResume(t *testing.T) {
	whole, parts := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "parts[a]")
	_, err := WriteCollection(context.Background(), whole, 2, 45, WriteOptions{ShardTrajectories: 10, Workers: 1})
	require.NoError(t, err)
	// Cut off during the third shard, with a file half written.
	ctx, cancel := context.WithCancel(context.Background())
	m, err := WriteCollection(ctx, parts, 2, 45, WriteOptions{ShardTrajectories: 10, Workers: 3, Progress: func(p WriteProgress) {
		if p.Trajectories >= 20 {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 20, m.Trajectories)
	for _, name := range []string{"shard-000002.safetensors", "manifest.json"} {
		require.NoError(t, os.WriteFile(filepath.Join(parts, name+".lassode.tmp"), []byte("half"), 0o600))
	}
	mine := filepath.Join(parts, ".tmp-my-notes")
	require.NoError(t, os.WriteFile(mine, []byte("kept"), 0o600))
	_, err = WriteCollection(context.Background(), parts, 3, 45, WriteOptions{ShardTrajectories: 10, Resume: true})
	require.ErrorContains(t, err, "seed")
	var shards []int
	_, err = WriteCollection(context.Background(), parts, 2, 45, WriteOptions{ShardTrajectories: 10, Resume: true, Progress: func(p WriteProgress) {
		require.Equal(t, 5, p.PlannedShards)
		if len(shards) == 0 || shards[len(shards)-1] != p.Shards {
			shards = append(shards, p.Shards)
		}
	}})
	require.NoError(t, err)
	require.Equal(t, []int{2, 3, 4}, shards, "on disk while the next one is made")
	names := func(dir string) (out []string) {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, e := range entries {
			out = append(out, e.Name())
		}
		return out
	}
	require.NoError(t, os.Remove(mine), "files of others stay")
	require.Equal(t, names(whole), names(parts))
	for _, name := range names(whole) {
		a, err := os.ReadFile(filepath.Join(whole, name))
		require.NoError(t, err)
		b, err := os.ReadFile(filepath.Join(parts, name))
		require.NoError(t, err)
		require.True(t, string(a) == string(b), name)
	}
}

func TestCollectionBySize(t *testing.T) {
	dir := t.TempDir()
	const want = 300 << 10
	planned := 0
	m, err := WriteCollection(context.Background(), dir, 2, 0, WriteOptions{Bytes: want, ShardTrajectories: 12, Progress: func(p WriteProgress) {
		if planned == 0 {
			planned = p.PlannedShards
		}
		require.Equal(t, planned, p.PlannedShards)
	}})
	require.NoError(t, err)
	require.InDelta(t, len(m.Shards), planned, 1.01)
	require.GreaterOrEqual(t, m.Bytes, int64(want))
	require.Less(t, m.Bytes, int64(2*want))
	_, err = WriteCollection(context.Background(), t.TempDir(), 2, 0, WriteOptions{})
	require.Error(t, err)
}

// Irregular times that float32 cannot hold, and missing values.
func TestShardKeepsWideTimes(t *testing.T) {
	dir := t.TempDir()
	nan := float32(0)
	nan /= nan
	records := []record{
		{times: []float64{1.7e9, 1.7e9 + 0.1}, values: []float32{1, nan, 3, 4}, channels: 2, family: "a"},
		{times: []float64{0.1}, values: []float32{7}, channels: 1, family: "b", index: 1},
	}
	plan, err := planShard(0, 1<<63+5, records)
	require.NoError(t, err)
	require.NoError(t, plan.write(dir))
	s := plan.shard
	require.NoError(t, writeManifest(dir, Manifest{Format: collectionFormat, Trajectories: 2, Bytes: s.Bytes, Shards: []ManifestShard{s}}))
	c, err := OpenCollection(dir)
	require.NoError(t, err)
	defer c.Close()
	a, err := c.At(0)
	require.NoError(t, err)
	require.Equal(t, records[0].times, a.Times)
	require.NoError(t, a.Validate())
	require.True(t, a.Values[0][1] != a.Values[0][1])
	require.Equal(t, []float64{3, 4}, a.Values[1])
	b, err := c.At(1)
	require.NoError(t, err)
	require.Equal(t, []float64{0.1}, b.Times)
	seed, index, err := c.Origin(1)
	require.NoError(t, err)
	require.Equal(t, uint64(1<<63+5), seed)
	require.Equal(t, 1, index)
}

// allocated runs f and returns the bytes that were allocated meanwhile, freed or
// not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestDamagedCollections(t *testing.T) {
	good := t.TempDir()
	_, err := WriteCollection(context.Background(), good, 4, 3, WriteOptions{})
	require.NoError(t, err)
	shard, err := os.ReadFile(filepath.Join(good, shardName(0)))
	require.NoError(t, err)
	manifest, err := os.ReadFile(filepath.Join(good, manifestName))
	require.NoError(t, err)
	headLen := int(binary.LittleEndian.Uint64(shard))
	var header map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(shard[8:8+headLen], &header))
	offset := func(name string) int {
		var info tensorInfo
		require.NoError(t, json.Unmarshal(header[name], &info))
		return 8 + headLen + int(info.Offsets[0])
	}
	edit := func(at int, b ...byte) []byte {
		out := append([]byte(nil), shard...)
		copy(out[at:], b)
		return out
	}
	swap := func(old, new string) []byte {
		require.Equal(t, len(old), len(new))
		require.True(t, strings.Contains(string(shard[:8+headLen]), old), old)
		return []byte(strings.Replace(string(shard), old, new, 1))
	}
	huge := []byte{255, 255, 255, 255, 255, 255, 255, 127}
	files := 0
	for name, b := range map[string][]byte{
		"empty":                   {},
		"truncated":               shard[:len(shard)-1],
		"longer":                  append(append([]byte(nil), shard...), 0),
		"header length":           edit(0, huge...),
		"header length in file":   edit(0, 9),
		"header text":             edit(8, 'x'),
		"format":                  swap("lassode-collection-1", "lassode-collection-9"),
		"type":                    swap(`"I64"`, `"I32"`),
		"offset beyond the end":   edit(offset("offsets")+8, huge...),
		"offsets decrease":        edit(offset("offsets")+8, 0, 0, 0, 0, 0, 0, 0, 0),
		"value offset":            edit(offset("value_offsets")+8, 1),
		"last offset":             edit(offset("offsets")+3*8, 1),
		"no channels":             edit(offset("channels"), 0, 0, 0, 0),
		"many channels":           edit(offset("channels"), huge[:4]...),
		"negative channels":       edit(offset("channels"), 255, 255, 255, 255),
		"family":                  edit(offset("family"), 77),
		"negative family":         edit(offset("family"), 255, 255, 255, 255),
		"data offsets":            swap(`[0,32]`, `[8,32]`),
		"data offsets beyond all": swap(`[0,32]`, `[0,99]`),
		"negative data offsets":   swap(`[0,32]`, `[-9,2]`),
		"tensors overlap":         swap(`[32,64]`, `[24,56]`),
		"type of the values":      swap(`"values":{"dtype":"F32"`, `"values":{"dtype":"I32"`),
		"type of the times":       swap(`"times":{"dtype":"F32"`, `"times":{"dtype":"F16"`),
		"missing tensor":          swap(`"seed"`, `"sead"`),
		"families not a list":     swap(`"families":"[`, `"families":"{`),
		"shape":                   swap(`"shape":[4]`, `"shape":[5]`),
		"rows beyond the limit":   edit(offset("offsets")+8, 0, 0, 0, 1),
		"length of 2^64-1":        edit(0, 255, 255, 255, 255, 255, 255, 255, 255),
		"length of 16 MiB":        edit(0, 0, 0, 0, 1),
		"deep nesting":            edit(8, []byte(strings.Repeat("[", headLen))...),
	} {
		files++
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, manifestName), manifest, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, shardName(0)), b, 0o600))
		var err error
		used := allocated(func() { _, err = OpenCollection(dir) })
		require.ErrorIs(t, err, ErrCollection, name)
		require.Less(t, used, uint64(20*(len(b)+len(manifest))+1<<18), name)
	}
	for name, edit := range map[string]func(m *Manifest){
		"absolute":   func(m *Manifest) { m.Shards[0].File = filepath.Join(good, shardName(0)) },
		"backslash":  func(m *Manifest) { m.Shards[0].File = `..\` + shardName(0) },
		"device":     func(m *Manifest) { m.Shards[0].File = "NUL" },
		"no name":    func(m *Manifest) { m.Shards[0].File = "" },
		"twice":      func(m *Manifest) { m.Shards = append(m.Shards, m.Shards[0]); m.Trajectories *= 2; m.Bytes *= 2 },
		"next":       func(m *Manifest) { m.Shards[0].File = shardName(1) },
		"overflow":   func(m *Manifest) { m.Shards[0].Bytes = math.MaxInt64; m.Bytes = math.MaxInt64 },
		"zero bytes": func(m *Manifest) { m.Shards[0].Bytes, m.Bytes = 0, 0 },
		"traversal":  func(m *Manifest) { m.Shards[0].File = "../" + shardName(0) },
		"other name": func(m *Manifest) { m.Shards[0].File = "x" },
		"count":      func(m *Manifest) { m.Shards[0].Trajectories, m.Trajectories = 2, 2 },
		"huge count": func(m *Manifest) { m.Shards[0].Trajectories, m.Trajectories = 1<<30, 1<<30 },
		"negative":   func(m *Manifest) { m.Shards[0].Trajectories, m.Trajectories = -1, -1 },
		"sum":        func(m *Manifest) { m.Trajectories++ },
		"bytes":      func(m *Manifest) { m.Shards[0].Bytes++; m.Bytes++ },
		"format":     func(m *Manifest) { m.Format = "" },
		"none":       func(m *Manifest) { m.Shards, m.Trajectories, m.Bytes = nil, 0, 0 },
	} {
		var m Manifest
		require.NoError(t, json.Unmarshal(manifest, &m))
		edit(&m)
		b, err := json.Marshal(m)
		require.NoError(t, err)
		files++
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, manifestName), b, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, shardName(0)), shard, 0o600))
		used := allocated(func() { _, err = OpenCollection(dir) })
		require.ErrorIs(t, err, ErrCollection, name)
		require.Less(t, used, uint64(20*len(b)+1<<18), name)
	}
	for name, text := range map[string]string{
		"empty": "", "number": "7", "list": "[]", "cut": string(manifest[:len(manifest)/2]),
		"key twice":        `{"format":"x",` + string(manifest[1:]),
		"shard key twice":  strings.Replace(string(manifest), `"bytes"`, `"file":"x","bytes"`, 2),
		"count of 1e30":    strings.Replace(string(manifest), `"trajectories": 3`, `"trajectories": 1e30`, 1),
		"fractional count": strings.Replace(string(manifest), `"trajectories": 3`, `"trajectories": 2.5`, 1),
		"deep nesting":     strings.Repeat("[", 1<<16),
	} {
		files++
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, manifestName), []byte(text), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, shardName(0)), shard, 0o600))
		used := allocated(func() { _, err = OpenCollection(dir) })
		require.ErrorIs(t, err, ErrCollection, name)
		require.Less(t, used, uint64(20*len(text)+1<<18), name)
	}
	_, err = OpenCollection(t.TempDir())
	require.ErrorIs(t, err, ErrCollection)
	// Links out of the folder, and what is no file.
	for _, name := range []string{manifestName, shardName(0)} {
		for kind, place := range map[string]func(path string) error{
			"link":           func(path string) error { return os.Symlink(filepath.Join(good, name), path) },
			"broken link":    func(path string) error { return os.Symlink(filepath.Join(good, "nothing"), path) },
			"link to itself": func(path string) error { return os.Symlink(path, path) },
			"folder":         func(path string) error { return os.Mkdir(path, 0o700) },
		} {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, manifestName), manifest, 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(dir, shardName(0)), shard, 0o600))
			require.NoError(t, os.Remove(filepath.Join(dir, name)))
			if err := place(filepath.Join(dir, name)); err != nil {
				t.Logf("%s: %v", kind, err) // not every system lets everybody make links
				continue
			}
			files++
			_, err := OpenCollection(dir)
			require.ErrorIs(t, err, ErrCollection, "%s %s", name, kind)
			_, _, err = OpenUndamaged(context.Background(), dir)
			require.ErrorIs(t, err, ErrCollection, "%s %s", name, kind)
			if name == manifestName {
				_, err = WriteCollection(context.Background(), dir, 4, 5, WriteOptions{Resume: true})
				require.ErrorIs(t, err, ErrCollection, kind)
			}
		}
	}
	t.Logf("%d collections", files+3)

	// A file that gets shorter while it is open is an error, not a crash.
	cut := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(cut, manifestName), manifest, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(cut, shardName(0)), shard, 0o600))
	c, err := OpenCollection(cut)
	require.NoError(t, err)
	if err := os.Truncate(filepath.Join(cut, shardName(0)), int64(headLen)); err == nil {
		_, err = c.At(2)
		require.ErrorIs(t, err, ErrCollection)
		_, _, err = c.Origin(2)
		require.ErrorIs(t, err, ErrCollection)
	}
	require.NoError(t, c.Close())

	// Damage among the values shows in Verify, times out of order in At.
	for name, b := range map[string][]byte{
		"value": edit(offset("values")+2, 99), "time": edit(offset("times")+4, 0, 0, 0xc0, 0xff),
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, manifestName), manifest, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, shardName(0)), b, 0o600))
		c, err := OpenCollection(dir)
		require.NoError(t, err)
		require.ErrorIs(t, c.Verify(context.Background()), ErrCollection)
		_, err = c.At(0)
		if name == "time" {
			require.ErrorIs(t, err, ErrCollection)
		}
		require.NoError(t, c.Close())
	}
}

func BenchmarkCollectionAt(b *testing.B) {
	dir := b.TempDir()
	_, err := WriteCollection(context.Background(), dir, 4, 200, WriteOptions{})
	require.NoError(b, err)
	c, err := OpenCollection(dir)
	require.NoError(b, err)
	defer c.Close()
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.At(i % 200); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// What is whole is used, what is not is named.
func TestOpenUndamaged(t *testing.T) {
	dir := t.TempDir()
	_, err := WriteCollection(context.Background(), dir, 4, 12, WriteOptions{ShardTrajectories: 3})
	require.NoError(t, err)
	whole, err := OpenCollection(dir)
	require.NoError(t, err)
	defer whole.Close()
	want, err := whole.At(10)
	require.NoError(t, err)

	c, faults, err := OpenUndamaged(context.Background(), dir)
	require.NoError(t, err)
	require.Empty(t, faults)
	require.Equal(t, whole.Manifest(), c.Manifest())
	require.NoError(t, c.Close())

	flip := func(shard int) {
		path := filepath.Join(dir, shardName(shard))
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		b[len(b)-2] ^= 1
		require.NoError(t, os.Remove(path)) // the open file stays as it was
		require.NoError(t, os.WriteFile(path, b, 0o600))
	}
	flip(1)
	require.NoError(t, os.Remove(filepath.Join(dir, shardName(2))))
	_, err = OpenCollection(dir)
	require.ErrorIs(t, err, ErrCollection)
	c, faults, err = OpenUndamaged(context.Background(), dir)
	require.NoError(t, err)
	defer c.Close()
	require.Len(t, faults, 2)
	require.ErrorContains(t, faults[0], shardName(1))
	require.ErrorContains(t, faults[1], shardName(2))
	require.ErrorIs(t, faults[1], ErrCollection)
	require.Equal(t, 6, c.Len())
	got, err := c.At(4)
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, index, err := c.Origin(4)
	require.NoError(t, err)
	require.Equal(t, 10, index)
	count := 0
	for _, n := range c.Manifest().Families {
		count += n
	}
	require.Equal(t, 6, count)
	require.NoError(t, c.Verify(context.Background()))

	flip(0)
	flip(3)
	_, faults, err = OpenUndamaged(context.Background(), dir)
	require.ErrorIs(t, err, ErrCollection)
	require.Len(t, faults, 4)
}

// A disk that is too small is refused before anything is made.
func TestTooSmallDisk(t *testing.T) {
	dir := t.TempDir()
	if _, known := freeBytes(dir); !known {
		t.Skip("this system does not tell its free space")
	}
	for _, run := range []struct {
		n    int
		size int64
	}{{0, 1 << 60}, {math.MaxInt, 0}, {math.MaxInt, 1 << 60}} {
		_, err := WriteCollection(context.Background(), dir, 1, run.n, WriteOptions{Bytes: run.size})
		require.ErrorContains(t, err, "GB free")
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
	_, err = WriteCollection(context.Background(), dir, 1, 2, WriteOptions{Bytes: 1 << 60})
	require.NoError(t, err) // whichever comes first
}

// FuzzCollection opens and reads arbitrary manifests and shards.
func FuzzCollection(f *testing.F) {
	dir := f.TempDir()
	_, err := WriteCollection(context.Background(), dir, 4, 2, WriteOptions{})
	require.NoError(f, err)
	manifest, err := os.ReadFile(filepath.Join(dir, manifestName))
	require.NoError(f, err)
	shard, err := os.ReadFile(filepath.Join(dir, shardName(0)))
	require.NoError(f, err)
	f.Add(manifest, shard, true)
	f.Add(manifest, shard[:len(shard)/2], false)
	f.Add([]byte("{}"), []byte{8, 0, 0, 0, 0, 0, 0, 0}, true)
	f.Fuzz(func(t *testing.T, manifest, shard []byte, fit bool) {
		if fit { // go past the check of the size
			var m Manifest
			if json.Unmarshal(manifest, &m) == nil && len(m.Shards) == 1 {
				m.Shards[0].Bytes, m.Bytes = int64(len(shard)), int64(len(shard))
				manifest, _ = json.Marshal(m)
			}
		}
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, manifestName), manifest, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, shardName(0)), shard, 0o600))
		c, err := OpenCollection(dir)
		if err != nil {
			return
		}
		for i := range min(c.Len(), 4) {
			c.Family(i)
			if _, _, err := c.Origin(i); err != nil {
				t.Fatal(err)
			}
			if s, err := c.At(i); err == nil && s.Channels() != c.Channels(i) {
				t.Fatalf("trajectory %d has %d channels, not %d", i, s.Channels(), c.Channels(i))
			}
		}
		require.NoError(t, c.Close())
	})
}
