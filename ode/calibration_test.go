package ode

import (
	"context"
	"slices"
	"testing"

	"github.com/lassode/lassode"
	"github.com/stretchr/testify/require"
)

func TestCalibrationFamilies(t *testing.T) {
	dims := bigDim()
	most, named := 0, namedFamilies()
	for _, name := range CalibrationFamilies() {
		i := slices.IndexFunc(named, func(f Family) bool { return f.Name == name })
		require.GreaterOrEqual(t, i, 0, name)
		most = max(most, dims[i])
	}
	require.Equal(t, calibrationChannels, most)
}

// Nothing that calibrates is trained on, nor is any trajectory of a calibration
// family.
func TestSplit(t *testing.T) {
	dir := t.TempDir()
	const n = 400
	_, err := WriteCollection(context.Background(), dir, 5, n, WriteOptions{ShardTrajectories: 150})
	require.NoError(t, err)
	c, err := OpenCollection(dir)
	require.NoError(t, err)
	defer c.Close()
	training, calibration := c.Split()
	seen := map[int]bool{}
	held := 0
	for _, i := range training.(subset).index {
		seen[int(i)] = true
		require.NotContains(t, calibrationFamilies, c.Family(int(i)))
		require.Less(t, int(i), n-8)
	}
	for j, i := range calibration.(subset).index {
		require.False(t, seen[int(i)])
		seen[int(i)] = true
		if j < 8 {
			require.Equal(t, n-8+j, int(i))
		} else {
			held++
			require.Contains(t, calibrationFamilies, c.Family(int(i)))
		}
	}
	require.Positive(t, held)
	require.LessOrEqual(t, held, 2*len(calibrationFamilies))
	for i := range n { // what is in neither is more of the calibration families
		if !seen[i] {
			require.Contains(t, calibrationFamilies, c.Family(i))
		}
	}
	for i := range calibration.Len() {
		want, err := c.At(int(calibration.(subset).index[i]))
		require.NoError(t, err)
		got, err := calibration.At(i)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, calibration.Channels(i), got.Channels())
	}
	_, err = calibration.At(calibration.Len())
	require.Error(t, err)
}

func TestSplitOfOne(t *testing.T) {
	dir := t.TempDir()
	_, err := WriteCollection(context.Background(), dir, 5, 1, WriteOptions{})
	require.NoError(t, err)
	c, err := OpenCollection(dir)
	require.NoError(t, err)
	defer c.Close()
	training, calibration := c.Split()
	require.Equal(t, 1, training.Len())
	require.Equal(t, 1, calibration.Len())
}

func TestSplitZoo(t *testing.T) {
	z := Zoo{Seed: 5, N: 300}
	training, calibration := z.Split()
	require.Equal(t, z.N, training.Len())
	replaced := 0
	for i := range z.N {
		s, err := training.At(i)
		require.NoError(t, err)
		require.Equal(t, training.Channels(i), s.Channels())
		plain, p := Generate(z.Seed, i)
		if slices.Contains(calibrationFamilies, p.Family) {
			replaced++
			require.NotEqual(t, plain, s)
		} else {
			require.Equal(t, plain, s)
		}
	}
	require.Positive(t, replaced)
	families := map[string]int{}
	for i := calibrationMost; i < calibrationMost+60; i++ {
		s, err := calibration.At(i)
		require.NoError(t, err)
		require.Equal(t, calibration.Channels(i), s.Channels())
		_, p := generate(z.Seed, z.N+i, trainStream, Samples, calibrationPart)
		require.Contains(t, calibrationFamilies, p.Family)
		families[p.Family]++
	}
	require.Len(t, families, len(calibrationFamilies))
	s, err := calibration.At(0)
	require.NoError(t, err)
	want, _ := Generate(z.Seed, z.N)
	require.Equal(t, want, s)
	for _, source := range []lassode.Source{training, calibration} {
		for _, i := range []int{-1, source.Len()} {
			_, err := source.At(i)
			require.Error(t, err)
		}
	}
}
