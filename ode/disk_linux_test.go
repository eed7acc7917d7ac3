package ode

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A disk that fills up while a collection is written leaves what was complete,
// and the collection can be resumed.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Skipf("cannot mount a small disk: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	filler := filepath.Join(dir, "filler")
	opt := WriteOptions{ShardTrajectories: 100}
	full := opt
	full.Progress = func(p WriteProgress) {
		if m, err := readManifest(filepath.Join(dir, "zoo")); err != nil || m.Trajectories < 200 { // two shards
			return
		}
		f, err := os.Create(filler)
		require.NoError(t, err)
		defer f.Close()
		block := make([]byte, 4096)
		for err == nil {
			_, err = f.Write(block)
		}
		require.ErrorIs(t, err, syscall.ENOSPC)
	}
	_, err := WriteCollection(context.Background(), filepath.Join(dir, "zoo"), 9, 1000, full)
	require.ErrorIs(t, err, syscall.ENOSPC)
	c, err := OpenCollection(filepath.Join(dir, "zoo"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, c.Len(), 200)
	require.Less(t, c.Len(), 1000)
	require.NoError(t, c.Verify(context.Background()))
	require.NoError(t, c.Close())
	left, err := filepath.Glob(filepath.Join(dir, "zoo", "*.tmp"))
	require.NoError(t, err)
	require.Empty(t, left)

	require.NoError(t, os.Remove(filler))
	opt.Resume = true
	got, err := WriteCollection(context.Background(), filepath.Join(dir, "zoo"), 9, 1000, opt)
	require.NoError(t, err)
	opt.Resume = false
	want, err := WriteCollection(context.Background(), t.TempDir(), 9, 1000, opt)
	require.NoError(t, err)
	require.Equal(t, want, got) // the hashes of the shards as well
}

// A pipe in place of a file does not block.
func TestPipeInCollection(t *testing.T) {
	dir := t.TempDir()
	_, err := WriteCollection(context.Background(), dir, 4, 2, WriteOptions{})
	require.NoError(t, err)
	for _, name := range []string{shardName(0), manifestName} {
		require.NoError(t, os.Remove(filepath.Join(dir, name)))
		require.NoError(t, syscall.Mkfifo(filepath.Join(dir, name), 0o600))
		_, err = OpenCollection(dir)
		require.ErrorIs(t, err, ErrCollection)
		require.ErrorContains(t, err, "not a regular file")
	}
}
