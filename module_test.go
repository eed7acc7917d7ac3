package lassode_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// stranger is a program outside the module: ten lines from series to forecast.
const stranger = `package main

import (
	"fmt"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/pretrained"
)

func main() {
	m, err := pretrained.Model()
	if err != nil {
		panic(err)
	}
	s := lassode.Series{Times: []float64{0, 1, 2, 3, 4}, Values: [][]float64{{16}, {8}, {4}, {2}, {1}}}
	fc, err := m.Forecast(s, []float64{5})
	if err != nil {
		panic(err)
	}
	fmt.Println(fc.Mean[0][0], fc.Quantile(0.9)[0][0])
}
`

// TestStranger compiles and runs that program in a module of its own, that knows
// this one by a replace line, without a network.
func TestStranger(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a program")
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skipf("SKIPPED: there is no go command to compile a program of another module with: %v", err)
	}
	root, err := filepath.Abs(".")
	require.NoError(t, err)
	mod, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	version := regexp.MustCompile(`(?m)^go .*$`).FindString(string(mod))
	sums, err := os.ReadFile("go.sum")
	require.NoError(t, err)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"main.go": stranger,
		"go.sum":  string(sums),
		"go.mod":  "module stranger\n\n" + version + "\n\nrequire github.com/lassode/lassode v0.0.0\n\nreplace github.com/lassode/lassode => " + root + "\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	cmd := exec.Command(tool, "run", ".")
	cmd.Dir = dir
	// As on the machine of a user, whatever platform these tests run on.
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GOARCH=") && !strings.HasPrefix(v, "GOOS=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "GOFLAGS=-mod=mod", "GOPROXY=off", "GOSUMDB=off", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Regexp(t, `^0\.[0-9]+ [0-9.]+\n$`, string(out), "half of 1 is near")
}
