package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDocs runs the commands that docs/how-it-works.md gives for its pictures,
// with the pictures elsewhere.
func TestDocs(t *testing.T) {
	const root = "../../"
	text, err := os.ReadFile(root + "docs/how-it-works.md")
	require.NoError(t, err)
	pictures := 0
	for line := range strings.Lines(string(text)) {
		command, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "    lassode ")
		if !ok {
			continue
		}
		args := strings.Fields(command)
		for i, a := range args {
			switch {
			case i > 0 && args[i-1] == "-plot":
				require.FileExists(t, root+a)
				pictures++
				args[i] = filepath.Join(t.TempDir(), filepath.Base(a))
			case strings.HasPrefix(a, "docs/"):
				args[i] = root + a
			}
		}
		code, out, errs := lassodeRun(t, "", args...)
		require.Equal(t, exitOK, code, errs)
		require.NotEmpty(t, out)
	}
	require.Equal(t, 3, pictures)
}
