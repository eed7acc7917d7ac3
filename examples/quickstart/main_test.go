package main

import (
	"bufio"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestQuickstart: the program prints a line for each of its three times.
func TestQuickstart(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer f.Close()
	stdout := os.Stdout
	os.Stdout = f
	main()
	os.Stdout = stdout
	_, err = f.Seek(0, 0)
	require.NoError(t, err)
	lines := 0
	for s := bufio.NewScanner(f); s.Scan(); lines++ {
		require.NotContains(t, s.Text(), "NaN")
	}
	require.Equal(t, 3, lines)
}
