package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// names lists a folder.
func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "[a]*?") // no pattern
	if runtime.GOOS == "windows" {
		dir = filepath.Join(t.TempDir(), "[a]")
	}
	require.NoError(t, os.Mkdir(dir, 0o755))
	path := filepath.Join(dir, "w")
	holds := func(want string) {
		t.Helper()
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, want, string(b))
		require.Equal(t, []string{"w"}, names(t, dir))
	}
	require.NoError(t, Write(path, text("old")))
	holds("old")
	require.NoError(t, os.Chmod(path, 0o600))
	failed := errors.New("failed")
	require.ErrorIs(t, Write(path, func(w io.Writer) error {
		require.NoError(t, text("ne")(w))
		return failed
	}), failed)
	holds("old")
	// What a killed process left.
	require.NoError(t, os.WriteFile(path+suffix, []byte("n"), 0o600))
	require.NoError(t, Write(path, text("new")))
	holds("new")
	if runtime.GOOS != "windows" && runtime.GOOS != "js" {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "that of the file before")
	}
	require.NoError(t, os.WriteFile(path+suffix, nil, 0o600))
	require.NoError(t, Discard(path))
	require.NoError(t, Discard(path))
	holds("new")
	require.Error(t, Write(filepath.Join(dir, "none", "w"), text("")))

	if runtime.GOOS == "windows" {
		return // an open file cannot be removed
	}
	// Of two that write, the later one is whole.
	f, err := Create(path)
	require.NoError(t, err)
	g, err := Create(path)
	require.NoError(t, err)
	require.NoError(t, text("mine")(f))
	require.NoError(t, text("theirs")(g))
	require.ErrorContains(t, f.Commit(), "another process writes "+path)
	require.NoError(t, g.Commit())
	holds("theirs")
}
