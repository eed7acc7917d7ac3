package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFineTune: the tuned weights, read back, are better on a run that they have
// not seen.
func TestFineTune(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	var out strings.Builder
	before, after, err := tune(t.Context(), &out, "runs/run[5-9].csv", filepath.Join(t.TempDir(), "w.safetensors"), 4)
	require.NoError(t, err)
	t.Log("\n" + out.String())
	require.Less(t, after, before)
}

func TestBadRuns(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.csv": "t,x\n0,1\n1,2\n", "b.csv": "t,x\n0,1\n1,oops\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	_, _, err := tune(t.Context(), &strings.Builder{}, filepath.Join(dir, "*.csv"), filepath.Join(dir, "w"), 1)
	require.ErrorContains(t, err, "b.csv line 3, column x")
	_, _, err = tune(t.Context(), &strings.Builder{}, filepath.Join(dir, "none*"), filepath.Join(dir, "w"), 1)
	require.ErrorContains(t, err, "matches 0 files")
}
